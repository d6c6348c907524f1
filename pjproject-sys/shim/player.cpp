// Players: sound of the softphone's own on a device of its choice, whatever the calls use. Each has a thread that opens and
// closes its device, because a sound server that hangs would hang whoever does that.
#include "phone.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>

namespace linedesk {

// The worker and the sound thread hold it too: one that hangs outlives the phone.
struct Player {
    uint64_t id = 0;
    int32_t device = 0;
    std::string name;
    std::vector<int16_t> samples;
    size_t pause = 0;
    bool repeat = false;
    std::atomic<uint32_t> gain{4096};
    std::thread worker;

    // Of the sound thread alone.
    size_t position = 0;
    // What it tells: frames asked for, and that the last sample was taken long enough ago to have been heard.
    std::atomic<uint32_t> frames{0};
    std::atomic<bool> finished{false};

    std::mutex mutex;
    std::condition_variable changed;
    // Guarded by the mutex; nobody is told once it is null.
    Phone *phone = nullptr;
    bool stopped = false;
    bool ended = false;
};

} // namespace linedesk

using namespace linedesk;

namespace {

constexpr unsigned RATE = 48000, FRAME = RATE / 50, LATENCY_MS = 100;
// The device holds as much as it was given ahead.
constexpr size_t HEARD_AFTER = RATE / 1000 * (LATENCY_MS + 100);
// A device asks fifty times a second. One that does not ask for so long is gone, or hangs. A server may take up to two seconds
// until it begins to.
constexpr auto BEGINS_WITHIN = std::chrono::milliseconds(3000), ASKS_WITHIN = std::chrono::milliseconds(1000);
constexpr uint32_t BEGINNING = 8;
constexpr auto LOOK_EVERY = std::chrono::milliseconds(50);
// At the end of the phone; a device that takes longer is left behind.
constexpr auto PATIENCE = std::chrono::milliseconds(500);

void tell(Player &player, int32_t state, pj_status_t status, const std::string &why = "") {
    std::lock_guard<std::mutex> lock(player.mutex);
    if (state == LD_PLAYER_ENDED) player.ended = true;
    player.changed.notify_all();
    if (!player.phone) return;
    ld_event e{};
    e.kind = LD_EVENT_PLAYER;
    e.call = player.id;
    e.state = state;
    e.code = status;
    e.text = why.c_str();
    player.phone->post(e);
}

pj_status_t fill(void *user_data, pjmedia_frame *frame) {
    Player &p = *static_cast<Player *>(user_data);
    auto *to = static_cast<int16_t *>(frame->buf);
    const size_t count = frame->size / sizeof(int16_t), length = p.samples.size(), round = length + p.pause;
    const int64_t gain = p.gain.load(std::memory_order_relaxed);
    for (size_t i = 0; i < count; i++, p.position++) {
        if (p.repeat && p.position >= round) p.position = 0;
        int64_t sample = p.position < length ? p.samples[p.position] * gain / 4096 : 0;
        to[i] = static_cast<int16_t>(std::clamp<int64_t>(sample, INT16_MIN, INT16_MAX));
    }
    if (!p.repeat && p.position >= length + HEARD_AFTER) p.finished = true;
    p.frames++;
    frame->type = PJMEDIA_FRAME_TYPE_AUDIO;
    return PJ_SUCCESS;
}

// Its number now: the devices may have been named anew since the player was made.
pj_status_t find_device(const Player &player, int32_t *device) {
    auto is_it = [&](int32_t i) {
        pjmedia_aud_dev_info info;
        return pjmedia_aud_dev_get_info(i, &info) == PJ_SUCCESS && player.name == info.name;
    };
    *device = player.device;
    if (is_it(*device)) return PJ_SUCCESS;
    const int32_t count = static_cast<int32_t>(pjmedia_aud_dev_count());
    for (*device = 0; *device < count; ++*device)
        if (is_it(*device)) return PJ_SUCCESS;
    return PJMEDIA_EAUD_NODEV;
}

pj_status_t open_device(Player &player, pjmedia_aud_stream **stream) {
    const Opening opening;
    pjmedia_aud_param param;
    int32_t device = 0;
    pj_status_t status = find_device(player, &device);
    if (status == PJ_SUCCESS) status = pjmedia_aud_dev_default_param(device, &param);
    if (status != PJ_SUCCESS) return status;
    param.dir = PJMEDIA_DIR_PLAYBACK;
    param.rec_id = PJMEDIA_AUD_INVALID_DEV;
    param.play_id = device;
    param.clock_rate = RATE;
    param.channel_count = 1;
    param.samples_per_frame = FRAME;
    param.bits_per_sample = 16;
    param.flags = PJMEDIA_AUD_DEV_CAP_OUTPUT_LATENCY;
    param.output_latency_ms = LATENCY_MS;
    return pjmedia_aud_stream_create(&param, nullptr, &fill, &player, stream);
}

// Until it is stopped, has played all, or the device asks no more.
pj_status_t play(Player &player) {
    uint32_t frames = player.frames;
    auto asked = std::chrono::steady_clock::now();
    std::unique_lock<std::mutex> lock(player.mutex);
    while (!player.stopped && !player.finished) {
        player.changed.wait_for(lock, LOOK_EVERY);
        const auto now = std::chrono::steady_clock::now();
        if (const uint32_t f = player.frames; f != frames) {
            frames = f;
            asked = now;
        } else if (now - asked > (frames < BEGINNING ? BEGINS_WITHIN : ASKS_WITHIN)) {
            return PJMEDIA_EAUD_SYSERR;
        }
    }
    return PJ_SUCCESS;
}

void work(std::shared_ptr<Player> player) {
    // pjlib knows the thread as long as this lives.
    pj_thread_desc description;
    pj_bzero(description, sizeof description);
    pj_thread_t *thread = nullptr;
    pj_thread_register("player", description, &thread);
    pjmedia_aud_stream *stream = nullptr;
    pj_status_t status = open_device(*player, &stream);
    if (status == PJ_SUCCESS) {
        status = pjmedia_aud_stream_start(stream);
        if (status == PJ_SUCCESS) {
            tell(*player, LD_PLAYER_PLAYING, PJ_SUCCESS);
            status = play(*player);
        }
    }
    // Before it is closed: that may take for ever where the device hangs.
    if (status != PJ_SUCCESS)
        tell(*player, LD_PLAYER_FAILED, status,
             player->frames > 0 ? "it takes no sound any more" : "it cannot be opened: " + describe(status));
    if (stream) pjmedia_aud_stream_destroy(stream);
    tell(*player, LD_PLAYER_ENDED, PJ_SUCCESS);
}

Player *known(ld_phone *phone, uint64_t id) {
    auto found = self(phone).players.find(id);
    return found == self(phone).players.end() ? nullptr : found->second.get();
}

void stop(Player &player) {
    player.gain = 0;
    std::lock_guard<std::mutex> lock(player.mutex);
    player.stopped = true;
    player.changed.notify_all();
}

} // namespace

namespace linedesk {

void end_players(Phone &phone) {
    for (auto &entry : phone.players) stop(*entry.second);
    const auto until = std::chrono::steady_clock::now() + PATIENCE;
    for (auto &entry : phone.players) {
        Player &player = *entry.second;
        std::unique_lock<std::mutex> lock(player.mutex);
        const bool ended = player.changed.wait_until(lock, until, [&] { return player.ended; });
        player.phone = nullptr;
        lock.unlock();
        if (ended) player.worker.join();
        else player.worker.detach();
    }
    phone.players.clear();
}

} // namespace linedesk

extern "C" {

bool ld_player_start(ld_phone *phone, int32_t device, const int16_t *samples, uint32_t count, uint32_t pause, bool repeat,
                     uint32_t gain, uint64_t *player, ld_error *error) {
    return guarded(error, [&] {
        Phone &p = self(phone);
        pjmedia_aud_dev_info info;
        if (!ok(pjmedia_aud_dev_get_info(device, &info), error)) return false;
        auto made = std::make_shared<Player>();
        made->id = p.next_player++;
        made->device = device;
        made->name = info.name;
        made->samples.assign(samples, samples + count);
        made->pause = pause;
        made->repeat = repeat && count > 0;
        made->gain = gain;
        made->phone = &p;
        made->worker = std::thread(work, made);
        p.players[made->id] = made;
        p.sounding++;
        *player = made->id;
        return true;
    });
}

void ld_player_gain(ld_phone *phone, uint64_t player, uint32_t gain) {
    if (Player *p = known(phone, player)) p->gain = gain;
}

void ld_player_stop(ld_phone *phone, uint64_t player) {
    quietly([&] {
        if (Player *p = known(phone, player)) stop(*p);
    });
}

bool ld_player_await(ld_phone *phone, uint64_t player, uint32_t ms) {
    bool ended = true;
    quietly([&] {
        Player *p = known(phone, player);
        if (!p) return;
        std::unique_lock<std::mutex> lock(p->mutex);
        ended = p->changed.wait_for(lock, std::chrono::milliseconds(ms), [&] { return p->ended; });
    });
    return ended;
}

void ld_player_free(ld_phone *phone, uint64_t player) {
    quietly([&] {
        Phone &p = self(phone);
        auto found = p.players.find(player);
        if (found == p.players.end()) return;
        std::unique_lock<std::mutex> lock(found->second->mutex);
        if (!found->second->ended) return;
        lock.unlock();
        found->second->worker.join();
        p.players.erase(found);
        if (--p.sounding == 0) unload_plugins();
    });
}

} // extern "C"
