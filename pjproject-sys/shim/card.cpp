// The sound card of calls; card.hpp says what it is.
#include "card.hpp"

using namespace linedesk;

namespace {

// How much the loudspeaker is ahead of its sound, of which 35 ms are left when it asks for the next two frames; with 30 a busy
// machine stutters. What the microphone's buffer may hold costs no delay.
constexpr unsigned PLAY_LATENCY_MS = 55, CAPTURE_LATENCY_MS = 100;
// A little less than what the loudspeaker is ahead at the least, so that what was played never comes after its echo.
constexpr unsigned ECHO_LATENCY_MS = 30;
// A device that took no frame for so long is not waited for: the clock moves the bridge on. Longer than the bursts in which
// servers take sound.
constexpr int64_t HESITATES_MS = 300;
// A microphone that gives nothing for so long is given silence for: the bridge would say its last frame over and over.
constexpr int64_t PAUSES_MS = 100;
// A device that is silent for so long is lost: its server hangs, or it was suspended.
constexpr int64_t LOST_MS = 1500;
// But a Bluetooth headset takes its time to begin, and so does a server's virtual device, whose buffer is filled at once.
constexpr int64_t BEGINS_MS = 5000;
constexpr unsigned BEGINNING = 50;

int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

namespace linedesk {

SoundCard::SoundCard(Phone &phone) : phone_(phone), capture_(*this, true), playback_(*this, false) {}

void SoundCard::want(const ld_sound &wish, uint64_t number) {
    std::unique_lock<std::mutex> lock(mutex_);
    wish_ = wish;
    open_ = true;
    number_ = number;
    wishes_++;
    if (!runs_) {
        // The last worker has nothing left to do but to return.
        if (thread_) {
            pj_thread_join(thread_);
            pj_thread_destroy(thread_);
            pj_pool_release(thread_pool_);
            thread_ = nullptr;
        }
        thread_pool_ = pjsua_pool_create("sound", 512, 512);
        runs_ = thread_pool_ && pj_thread_create(thread_pool_, "sound", &SoundCard::work, this, 0, 0, &thread_) == PJ_SUCCESS;
        if (!runs_) {
            if (thread_pool_) pj_pool_release(thread_pool_);
            thread_ = nullptr;
            lock.unlock();
            tell(capture_, wish.capture, PJ_ENOMEM, "no thread could be made");
            tell(playback_, wish.playback, PJ_ENOMEM, "no thread could be made");
            return;
        }
    }
    changed_.notify_one();
}

void SoundCard::close() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return;
    open_ = false;
    wishes_++;
    changed_.notify_one();
}

void SoundCard::settle() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (open_ || runs_) return;
    pj_int16_t nowhere[FRAME];
    pull(nowhere);
}

bool SoundCard::end(std::chrono::milliseconds patience) {
    close();
    silent_ = true;
    std::unique_lock<std::mutex> lock(mutex_);
    if (!done_.wait_for(lock, patience, [&] { return !runs_; })) return false;
    if (thread_) {
        pj_thread_join(thread_);
        pj_thread_destroy(thread_);
        pj_pool_release(thread_pool_);
        thread_ = nullptr;
    }
    return true;
}

int SoundCard::work(void *self) {
    SoundCard &card = *static_cast<SoundCard *>(self);
    std::unique_lock<std::mutex> lock(card.mutex_);
    for (;;) {
        card.changed_.wait(lock, [&] { return card.wishes_ != card.granted_; });
        const bool open = card.open_;
        const ld_sound wish = card.wish_;
        const uint64_t wishes = card.wishes_, number = card.number_;
        lock.unlock();
        if (open) quietly([&] { card.apply(wish, number); });
        else card.stop_all();
        lock.lock();
        card.granted_ = wishes;
        if (!open && card.wishes_ == wishes) break;
    }
    card.runs_ = false;
    card.done_.notify_all();
    return 0;
}

void SoundCard::apply(const ld_sound &wish, uint64_t number) {
    capture_percent_ = wish.capture_percent;
    playback_percent_ = wish.playback_percent;
    if (!clock_ && !start_clock()) {
        tell(capture_, wish.capture, PJ_ENOMEM, "the clock of calls could not be started");
        tell(playback_, wish.playback, PJ_ENOMEM, "the clock of calls could not be started");
        return;
    }
    if (echo_ != wish.echo || noise_ != wish.noise || gain_ != wish.gain) {
        echo_ = wish.echo, noise_ = wish.noise, gain_ = wish.gain;
        auto made = Treatment::make(pool_, RATE, FRAME, ECHO_LATENCY_MS, echo_, noise_, gain_);
        std::lock_guard<std::mutex> lock(treatment_mutex_);
        treatment_.swap(made);
    }
    change(playback_, wish.playback, wish.playback_epoch, number);
    change(capture_, wish.capture, wish.capture_epoch, number);
}

bool SoundCard::start_clock() {
    pool_ = pjsua_pool_create("card", 1000, 1000);
    if (!pool_) return false;
    phone_.sounding++;
    if (pjmedia_clock_create(pool_, RATE, 1, PAIR * FRAME, 0, &SoundCard::on_tick, this, &clock_) == PJ_SUCCESS &&
        pjmedia_clock_start(clock_) == PJ_SUCCESS)
        return true;
    stop_all();
    return false;
}

void SoundCard::stop_all() {
    shut(playback_);
    shut(capture_);
    playback_.index = capture_.index = -1;
    if (clock_) pjmedia_clock_destroy(clock_);
    clock_ = nullptr;
    {
        std::lock_guard<std::mutex> lock(treatment_mutex_);
        treatment_.reset();
    }
    echo_ = noise_ = gain_ = false;
    if (!pool_) return;
    pj_pool_release(pool_);
    pool_ = nullptr;
    if (--phone_.sounding == 0) unload_plugins();
}

void SoundCard::change(Stream &s, int32_t index, uint32_t epoch, uint64_t number) {
    if (s.index == index && s.epoch == epoch) return;
    shut(s);
    s.index = index;
    s.epoch = epoch;
    s.number = number;
    if (index < 0) return;
    const pj_status_t status = open(s);
    tell(s, index, status, status == PJ_SUCCESS ? "" : describe(status).c_str());
}

pj_status_t SoundCard::open(Stream &s) {
    std::shared_lock<std::shared_timed_mutex> naming(naming_devices);
    pjmedia_aud_param param;
    const int32_t index = s.index;
    pj_status_t status = pjmedia_aud_dev_default_param(index, &param);
    if (status != PJ_SUCCESS) return status;
    param.dir = s.capture ? PJMEDIA_DIR_CAPTURE : PJMEDIA_DIR_PLAYBACK;
    param.rec_id = s.capture ? index : PJMEDIA_AUD_INVALID_DEV;
    param.play_id = s.capture ? PJMEDIA_AUD_INVALID_DEV : index;
    param.clock_rate = RATE;
    param.channel_count = 1;
    param.samples_per_frame = PAIR * FRAME;
    param.bits_per_sample = 16;
    param.flags = s.capture ? PJMEDIA_AUD_DEV_CAP_INPUT_LATENCY : PJMEDIA_AUD_DEV_CAP_OUTPUT_LATENCY;
    param.input_latency_ms = CAPTURE_LATENCY_MS;
    param.output_latency_ms = PLAY_LATENCY_MS;
    s.volume = Volume(RATE);
    status = pjmedia_aud_stream_create(&param, &SoundCard::on_capture, &SoundCard::on_play, &s, &s.stream);
    if (status != PJ_SUCCESS) {
        s.stream = nullptr;
        return status;
    }
    pjmedia_event_subscribe(nullptr, &SoundCard::on_media_event, &s, s.stream);
    s.frame_at = now_ms();
    s.told = false;
    s.frames = 0;
    status = pjmedia_aud_stream_start(s.stream);
    if (status == PJ_SUCCESS) s.runs = true;
    else shut(s);
    return status;
}

void SoundCard::shut(Stream &s) {
    s.runs = false;
    if (!s.stream) return;
    pjmedia_event_unsubscribe(nullptr, &SoundCard::on_media_event, &s, s.stream);
    pjmedia_aud_stream_stop(s.stream);
    pjmedia_aud_stream_destroy(s.stream);
    s.stream = nullptr;
}

std::shared_ptr<Treatment> SoundCard::treatment() {
    std::lock_guard<std::mutex> lock(treatment_mutex_);
    return treatment_;
}

void SoundCard::pull(pj_int16_t *samples) {
    pjmedia_port *bridge = pjmedia_conf_get_master_port(pjsua_var.mconf);
    std::lock_guard<std::mutex> lock(bridge_mutex_);
    pjmedia_frame frame{};
    frame.type = PJMEDIA_FRAME_TYPE_AUDIO;
    frame.buf = samples;
    frame.size = FRAME * sizeof(pj_int16_t);
    frame.timestamp.u64 = pulled_;
    pulled_ += FRAME;
    if (pjmedia_port_get_frame(bridge, &frame) != PJ_SUCCESS || frame.type != PJMEDIA_FRAME_TYPE_AUDIO)
        std::fill_n(samples, FRAME, pj_int16_t{0});
}

void SoundCard::push(pj_int16_t *samples) {
    pjmedia_frame frame{};
    frame.type = PJMEDIA_FRAME_TYPE_AUDIO;
    frame.buf = samples;
    frame.size = FRAME * sizeof(pj_int16_t);
    pjmedia_port_put_frame(pjmedia_conf_get_master_port(pjsua_var.mconf), &frame);
}

pj_status_t SoundCard::on_play(void *stream, pjmedia_frame *frame) {
    Stream &s = *static_cast<Stream *>(stream);
    auto *samples = static_cast<pj_int16_t *>(frame->buf);
    s.frame_at = now_ms();
    s.frames++;
    auto treatment = s.card.treatment();
    for (unsigned i = 0; i < PAIR; i++, samples += FRAME) {
        s.card.pull(samples);
        s.volume.apply(samples, FRAME, s.card.playback_percent_);
        if (treatment) treatment->played(samples);
    }
    frame->type = PJMEDIA_FRAME_TYPE_AUDIO;
    return PJ_SUCCESS;
}

pj_status_t SoundCard::on_capture(void *stream, pjmedia_frame *frame) {
    Stream &s = *static_cast<Stream *>(stream);
    auto *samples = static_cast<pj_int16_t *>(frame->buf);
    s.frame_at = now_ms();
    s.frames++;
    auto treatment = s.card.treatment();
    for (unsigned i = 0; i < PAIR; i++, samples += FRAME) {
        if (treatment) treatment->captured(samples, s.card.playback_.runs);
        s.volume.apply(samples, FRAME, s.card.capture_percent_);
        push(samples);
    }
    return PJ_SUCCESS;
}

// Comes every 20 ms for as long as calls need sound.
void SoundCard::on_tick(const pj_timestamp *, void *self) {
    SoundCard &card = *static_cast<SoundCard *>(self);
    const int64_t now = now_ms();
    // The loudspeaker's device moves the bridge; without one, or while it hesitates, calls must not stand still: what the
    // microphone says has to go on, and so has the other side's view of us.
    const Stream &playback = card.playback_;
    if (!playback.runs || playback.frames == 0 || now - playback.frame_at > HESITATES_MS) {
        pj_int16_t nowhere[FRAME];
        for (unsigned i = 0; i < PAIR; i++) card.pull(nowhere);
    }
    const Stream &capture = card.capture_;
    if (!capture.runs || capture.frames == 0 || now - capture.frame_at > PAUSES_MS) {
        pj_int16_t silence[FRAME] = {};
        for (unsigned i = 0; i < PAIR; i++) push(silence);
    }
    card.watch(card.playback_, now);
    card.watch(card.capture_, now);
}

void SoundCard::watch(Stream &s, int64_t now) {
    if (s.runs && now - s.frame_at > (s.frames > BEGINNING ? LOST_MS : BEGINS_MS) && !s.told.exchange(true))
        tell(s, s.index, PJ_ETIMEDOUT, "it has stopped");
}

// A device's thread ended by itself. Comes on pjmedia's own thread for events.
pj_status_t SoundCard::on_media_event(pjmedia_event *event, void *stream) {
    if (event->type != PJMEDIA_EVENT_AUD_DEV_ERROR) return PJ_SUCCESS;
    Stream &s = *static_cast<Stream *>(stream);
    if (s.told.exchange(true)) return PJ_SUCCESS;
    s.runs = false;
    s.card.tell(s, event->data.aud_dev_err.id, event->data.aud_dev_err.status, "it has gone");
    return PJ_SUCCESS;
}

void SoundCard::tell(const Stream &s, int32_t index, pj_status_t status, const char *text) {
    if (silent_ || index < 0) return;
    ld_event e{};
    e.kind = LD_EVENT_SOUND;
    e.call = s.number;
    e.account = index;
    e.state = s.capture ? 1 : 0;
    e.code = status;
    e.text = text;
    phone_.post(e);
}

} // namespace linedesk

extern "C" {

void ld_sound_want(ld_phone *phone, const ld_sound *wish, uint64_t number) {
    quietly([&] {
        auto &card = self(phone).card;
        if (!card) card = std::make_shared<SoundCard>(self(phone));
        card->want(*wish, number);
    });
}

void ld_sound_close(ld_phone *phone) {
    quietly([&] {
        if (auto &card = self(phone).card) card->close();
    });
}

} // extern "C"
