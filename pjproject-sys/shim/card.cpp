// The sound card of calls; card.hpp says what it is.
#include "card.hpp"

#include <algorithm>

using namespace linedesk;
using std::chrono::milliseconds;

namespace {

// How much the loudspeaker is ahead of its sound, of which 35 ms are left when it asks for the next two frames; with 30 a busy
// machine stutters. What the microphone's buffer may hold costs no delay.
constexpr unsigned PLAY_LATENCY_MS = 55, CAPTURE_LATENCY_MS = 100;
// A little less than what the loudspeaker is ahead at the least, so that what was played never comes after its echo.
constexpr unsigned ECHO_LATENCY_MS = 30;
// A device that took no frame for so long is not waited for: the keeper moves the bridge on. Longer than the bursts in which
// servers take sound.
constexpr int64_t HESITATES_MS = 300;
// A microphone that gives nothing for so long is given silence for: the bridge would say its last frame over and over.
constexpr int64_t PAUSES_MS = 100;
// So long the device before is heard on.
constexpr int64_t SETTLES_MS = 100;
// A device that is silent for so long is lost: its server hangs, or it was suspended.
constexpr int64_t LOST_MS = 1500;
// But a Bluetooth headset takes its time to begin, and so does a server's virtual device, whose buffer is filled at once.
constexpr int64_t BEGINS_MS = 5000;
constexpr unsigned BEGINNING = 50;
constexpr int64_t OPENS_MS = std::chrono::duration_cast<milliseconds>(Opening::LONGEST).count();
// Who hangs is left to itself. So many of one device, and it is not tried again before one of them has come back.
constexpr size_t MOST_LEAVING = 4;
// Whoever held an exclusive card closes it within one of its buffers; if it hangs, opening the card says so.
constexpr milliseconds CLOSES_WITHIN{1000};
// Later than this the keeper does not catch up: the machine slept, or nothing was wanted of it.
constexpr milliseconds CATCHES_UP{100};

} // namespace

namespace linedesk {

void SoundCard::want(const ld_sound &wish, uint64_t number) {
    std::unique_lock<std::mutex> lock(mutex_);
    wish_ = wish;
    open_ = true;
    number_ = number;
    wishes_++;
    if (!runs_) {
        // The last keeper has nothing left to do but to return.
        if (keeper_.joinable()) keeper_.join();
        try {
            keeper_ = std::thread([this] { keep(); });
        } catch (const std::system_error &e) {
            lock.unlock();
            tell(true, wish.capture, number, PJ_ENOMEM, e.what());
            tell(false, wish.playback, number, PJ_ENOMEM, e.what());
            return;
        }
        runs_ = true;
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

bool SoundCard::end(milliseconds patience) {
    close();
    silent_ = true;
    std::unique_lock<std::mutex> lock(mutex_);
    if (!done_.wait_for(lock, patience, [&] { return !runs_ && devices_ == 0; })) return false;
    if (keeper_.joinable()) keeper_.join();
    return true;
}

void SoundCard::keep() {
    pj_bzero(keepers_desc_, sizeof keepers_desc_);
    pj_thread_t *thread = nullptr;
    pj_thread_register("sound", keepers_desc_, &thread);
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        const bool open = open_;
        const ld_sound wish = wish_;
        const uint64_t number = number_, wishes = wishes_;
        lock.unlock();
        Clock::time_point next;
        if (granted_ != wishes) {
            if (open) quietly([&] { apply(wish, number); });
            else let_go();
        }
        if (open) next = tick();
        lock.lock();
        granted_ = wishes;
        if (wishes_ != wishes) continue;
        if (!open) break;
        changed_.wait_until(lock, next, [&] { return wishes_ != granted_; });
    }
    runs_ = false;
    done_.notify_all();
}

void SoundCard::apply(const ld_sound &wish, uint64_t number) {
    capture_percent_ = wish.capture_percent;
    playback_percent_ = wish.playback_percent;
    if (!sounds_) phone_.sounding++;
    sounds_ = true;
    if (echo_ != wish.echo || noise_ != wish.noise || gain_ != wish.gain) {
        echo_ = wish.echo, noise_ = wish.noise, gain_ = wish.gain;
        auto made = Treatment::make(pjsua_var.pool, RATE, FRAME, ECHO_LATENCY_MS, echo_, noise_, gain_);
        std::lock_guard<std::mutex> lock(treatment_mutex_);
        treatment_.swap(made);
    }
    change(false, wish.playback, wish.playback_epoch, number, wish.exclusive);
    change(true, wish.capture, wish.capture_epoch, number, wish.exclusive);
}

void SoundCard::let_go() {
    {
        std::lock_guard<std::mutex> lock(places_mutex_);
        for (Place *place : {&capture_, &playback_}) {
            place->leave(place->next);
            place->leave(place->now);
        }
    }
    {
        std::lock_guard<std::mutex> lock(treatment_mutex_);
        treatment_.reset();
    }
    echo_ = noise_ = gain_ = false;
    if (sounds_ && --phone_.sounding == 0) unload_plugins();
    sounds_ = false;
}

// What calls miss while a device is not there or hesitates: they must not stand still. What the microphone says has to go on,
// and so has the other side's view of us. Says when it has to be looked again.
SoundCard::Clock::time_point SoundCard::tick() {
    constexpr milliseconds STEP{1000 * PAIR * FRAME / RATE};
    const auto now = Clock::now();
    const int64_t ms = now_ms();
    // `late`: for how long the device may be silent.
    auto catch_up = [&](bool capture, int64_t late, Clock::time_point &until, auto move_on) {
        const Held device = in_use(capture);
        const bool runs = device && device->runs;
        if (!capture) plays_ = runs;
        const int64_t silent = runs ? ms - device->frame_at : INT64_MAX;
        if (silent <= late) return now + milliseconds(late - silent + 1);
        if (now - until > CATCHES_UP) until = now;
        for (; until <= now; until += STEP)
            for (unsigned i = 0; i < PAIR; i++) move_on();
        return until;
    };
    // The loudspeaker's device moves the bridge.
    const auto next_taken = catch_up(false, HESITATES_MS, taken_until_, [&] {
        pj_int16_t nowhere[FRAME];
        pull(nowhere);
    });
    const auto next_given = catch_up(true, PAUSES_MS, given_until_, [&] {
        pj_int16_t silence[FRAME] = {};
        push(silence);
    });
    std::lock_guard<std::mutex> lock(places_mutex_);
    for (Place *place : {&capture_, &playback_})
        for (const Held &device : {place->now, place->next})
            if (device) watch(*device, ms);
    return std::min(next_taken, next_given);
}

void SoundCard::watch(Device &d, int64_t now) {
    if (d.runs) {
        if (now - d.frame_at > (d.frames > BEGINNING ? LOST_MS : BEGINS_MS)) lost(d, PJ_ETIMEDOUT, "it has stopped");
    } else if (!d.heard && now - d.since > OPENS_MS) {
        lost(d, PJ_ETIMEDOUT, "it does not open: its sound server does not answer");
    }
}

void SoundCard::change(bool capture, int32_t index, uint32_t epoch, uint64_t number, bool exclusive) {
    std::unique_lock<std::mutex> lock(places_mutex_);
    Place &p = place(capture);
    // One that was told lost is another one, even if nobody could make use of that.
    auto is_it = [&](const Held &d) { return d && d->index == index && d->epoch == epoch && !d->told; };
    if (is_it(p.next)) {
        p.next->number = number;
        return;
    }
    p.leave(p.next);
    if (is_it(p.now)) {
        p.now->number = number;
        return;
    }
    const bool one_at_a_time = exclusive || (p.now && p.now->exclusive);
    if (index < 0 || one_at_a_time || (p.now && p.now->index == index)) p.leave(p.now);
    if (index < 0) return;
    auto &leaving = p.leaving;
    leaving.erase(std::remove_if(leaving.begin(), leaving.end(), [](auto &d) { return d.expired(); }), leaving.end());
    size_t same = 0;
    Held before;
    for (const auto &weak : leaving) {
        const Held d = weak.lock();
        if (!d) continue;
        if (d->index == index) same++;
        // Of another device only when the card may be the same.
        if (one_at_a_time || d->index == index) before = d;
    }
    if (same >= MOST_LEAVING) {
        lock.unlock();
        tell(capture, index, number, PJ_EBUSY, "its sound server does not answer");
        return;
    }
    auto device = std::make_shared<Device>(*this, capture, index, epoch, number, exclusive);
    p.next = device;
    lock.unlock();
    phone_.sounding++;
    {
        std::lock_guard<std::mutex> counting(mutex_);
        devices_++;
    }
    try {
        std::thread([this, device, before] { work(device, before); }).detach();
    } catch (const std::system_error &e) {
        phone_.sounding--;
        std::lock_guard<std::mutex> counting(mutex_);
        devices_--;
        lost(*device, PJ_ENOMEM, e.what());
    }
}

void SoundCard::Place::leave(Held &device) {
    if (!device) return;
    {
        std::lock_guard<std::mutex> lock(device->mutex);
        device->left = true;
        device->changed.notify_all();
    }
    leaving.push_back(device);
    device.reset();
}

void SoundCard::work(const Held &device, Held before) {
    Device &d = *device;
    pj_bzero(d.thread, sizeof d.thread);
    pj_thread_t *thread = nullptr;
    pj_thread_register("device", d.thread, &thread);
    if (before) {
        std::unique_lock<std::mutex> lock(before->mutex);
        before->changed.wait_for(lock, CLOSES_WITHIN, [&] { return before->closed; });
        lock.unlock();
        before.reset();
    }
    quietly([&] {
        const pj_status_t status = d.left ? PJ_ECANCELLED : open(d);
        if (status == PJ_SUCCESS) {
            std::unique_lock<std::mutex> lock(d.mutex);
            d.changed.wait(lock, [&] { return d.left.load(); });
        } else if (!d.left) {
            lost(d, status, describe(status));
        }
    });
    shut(d);
    {
        std::lock_guard<std::mutex> lock(d.mutex);
        d.closed = true;
        d.changed.notify_all();
    }
    if (--phone_.sounding == 0) unload_plugins();
    std::lock_guard<std::mutex> lock(mutex_);
    devices_--;
    done_.notify_all();
}

pj_status_t SoundCard::open(Device &d) {
    const Opening opening;
    pjmedia_aud_param param;
    pj_status_t status = pjmedia_aud_dev_default_param(d.index, &param);
    if (status != PJ_SUCCESS) return status;
    param.dir = d.capture ? PJMEDIA_DIR_CAPTURE : PJMEDIA_DIR_PLAYBACK;
    param.rec_id = d.capture ? d.index : PJMEDIA_AUD_INVALID_DEV;
    param.play_id = d.capture ? PJMEDIA_AUD_INVALID_DEV : d.index;
    param.clock_rate = RATE;
    param.channel_count = 1;
    param.samples_per_frame = PAIR * FRAME;
    param.bits_per_sample = 16;
    param.flags = d.capture ? PJMEDIA_AUD_DEV_CAP_INPUT_LATENCY : PJMEDIA_AUD_DEV_CAP_OUTPUT_LATENCY;
    param.input_latency_ms = CAPTURE_LATENCY_MS;
    param.output_latency_ms = PLAY_LATENCY_MS;
    pjmedia_aud_stream *stream = nullptr;
    status = pjmedia_aud_stream_create(&param, &SoundCard::on_capture, &SoundCard::on_play, &d, &stream);
    if (status != PJ_SUCCESS) return status;
    d.stream = stream;
    pjmedia_event_subscribe(nullptr, &SoundCard::on_media_event, this, stream);
    d.frame_at = now_ms();
    d.runs = true;
    return pjmedia_aud_stream_start(stream);
}

void SoundCard::shut(Device &d) {
    d.runs = false;
    pjmedia_aud_stream *stream = d.stream.exchange(nullptr);
    if (!stream) return;
    pjmedia_event_unsubscribe(nullptr, &SoundCard::on_media_event, this, stream);
    pjmedia_aud_stream_stop(stream);
    pjmedia_aud_stream_destroy(stream);
}

SoundCard::Held SoundCard::in_use(bool capture) {
    std::lock_guard<std::mutex> lock(places_mutex_);
    return place(capture).now;
}

// Whether calls use the device. The next one is used from its first frame on, or a little later when another still is.
bool SoundCard::is_heard(Device &d) {
    if (d.left || silent_) return false;
    if (d.heard) return true;
    std::lock_guard<std::mutex> lock(places_mutex_);
    Place &p = place(d.capture);
    if (p.next.get() != &d) return false;
    // Devices begin in bursts.
    const int64_t now = now_ms();
    if (d.first_at == 0) d.first_at = now;
    if (p.now && p.now->runs && now - p.now->frame_at < PAUSES_MS && now - d.first_at < SETTLES_MS) return false;
    p.leave(p.now);
    p.now.swap(p.next);
    d.heard = true;
    if (!d.capture) plays_ = true;
    if (!d.told) tell(d, PJ_SUCCESS, "");
    return true;
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

pj_status_t SoundCard::on_play(void *device, pjmedia_frame *frame) {
    Device &d = *static_cast<Device *>(device);
    auto *samples = static_cast<pj_int16_t *>(frame->buf);
    d.frame_at = now_ms();
    d.frames++;
    frame->type = PJMEDIA_FRAME_TYPE_AUDIO;
    std::lock_guard<std::mutex> turn(d.card.playing_);
    if (!d.card.is_heard(d)) {
        std::fill_n(samples, PAIR * FRAME, pj_int16_t{0});
        return PJ_SUCCESS;
    }
    auto treatment = d.card.treatment();
    for (unsigned i = 0; i < PAIR; i++, samples += FRAME) {
        d.card.pull(samples);
        d.volume.apply(samples, FRAME, d.card.playback_percent_);
        if (treatment) treatment->played(samples);
    }
    return PJ_SUCCESS;
}

pj_status_t SoundCard::on_capture(void *device, pjmedia_frame *frame) {
    Device &d = *static_cast<Device *>(device);
    auto *samples = static_cast<pj_int16_t *>(frame->buf);
    d.frame_at = now_ms();
    d.frames++;
    std::lock_guard<std::mutex> turn(d.card.capturing_);
    if (!d.card.is_heard(d)) return PJ_SUCCESS;
    const bool plays = d.card.plays_;
    auto treatment = d.card.treatment();
    for (unsigned i = 0; i < PAIR; i++, samples += FRAME) {
        if (treatment) treatment->captured(samples, plays);
        d.volume.apply(samples, FRAME, d.card.capture_percent_);
        push(samples);
    }
    return PJ_SUCCESS;
}

// A device's thread ended by itself. Comes on pjmedia's own thread for events.
pj_status_t SoundCard::on_media_event(pjmedia_event *event, void *self) {
    if (event->type != PJMEDIA_EVENT_AUD_DEV_ERROR) return PJ_SUCCESS;
    SoundCard &card = *static_cast<SoundCard *>(self);
    std::lock_guard<std::mutex> lock(card.places_mutex_);
    for (Place *place : {&card.capture_, &card.playback_})
        for (const Held &d : {place->now, place->next}) {
            if (!d || d->stream.load() != event->epub) continue;
            d->runs = false;
            card.lost(*d, event->data.aud_dev_err.status, "it has gone");
        }
    return PJ_SUCCESS;
}

void SoundCard::lost(Device &d, pj_status_t status, const std::string &text) {
    if (!d.told.exchange(true)) tell(d, status, text);
}

void SoundCard::tell(bool capture, int32_t index, uint64_t number, pj_status_t status, const std::string &text) {
    if (silent_ || index < 0) return;
    ld_event e{};
    e.kind = LD_EVENT_SOUND;
    e.call = number;
    e.account = index;
    e.state = capture ? 1 : 0;
    e.code = status;
    e.text = text.c_str();
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
