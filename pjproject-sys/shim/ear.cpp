// What only the operator hears, and what is heard of the operator without a call: ports of the bridge that are joined with
// the sound device alone. They are made when they are first needed and stay: the bridge takes ports away in its own time.
#include "phone.hpp"

#include <algorithm>

namespace linedesk {

struct Ear {
    // Of the bridge.
    struct Port {
        pjmedia_port base;
        Ear *ear;
    };

    pj_pool_t *pool = nullptr;
    pjmedia_port *voices[2] = {nullptr, nullptr};
    pjsua_conf_port_id voice_ids[2] = {PJSUA_INVALID_ID, PJSUA_INVALID_ID};
    pjsua_conf_port_id listener = PJSUA_INVALID_ID;

    // The sound thread hands over here. It is held for the copy of a frame.
    std::mutex mutex;
    bool listening = false;
    int32_t peak = -1;
    std::vector<int16_t> recorded;
    size_t wanted = 0;
};

} // namespace linedesk

using namespace linedesk;

namespace {

constexpr unsigned RATE = BRIDGE_RATE, FRAME = BRIDGE_FRAME;

Ear &ear_of(Phone &phone) {
    if (!phone.ear) {
        auto made = std::make_shared<Ear>();
        made->pool = pjsua_pool_create("ear", 1024, 1024);
        if (!made->pool) throw std::bad_alloc();
        phone.ear = made;
    }
    return *phone.ear;
}

pj_status_t heard(pjmedia_port *port, pjmedia_frame *frame) {
    Ear &ear = *reinterpret_cast<Ear::Port *>(port)->ear;
    if (frame->type != PJMEDIA_FRAME_TYPE_AUDIO) return PJ_SUCCESS;
    const auto *samples = static_cast<const int16_t *>(frame->buf);
    const size_t count = frame->size / sizeof(int16_t);
    int32_t peak = 0;
    for (size_t i = 0; i < count; i++) peak = std::max(peak, samples[i] < 0 ? -static_cast<int32_t>(samples[i]) : samples[i]);
    std::lock_guard<std::mutex> lock(ear.mutex);
    if (!ear.listening) return PJ_SUCCESS;
    ear.peak = std::max(ear.peak, peak);
    const size_t room = ear.wanted - ear.recorded.size();
    ear.recorded.insert(ear.recorded.end(), samples, samples + std::min(room, count));
    return PJ_SUCCESS;
}

// Its memory is the pool's, and stays as long as the library.
pj_status_t destroyed(pjmedia_port *) { return PJ_SUCCESS; }

bool make_voice(Ear &ear, int32_t which, ld_error *error) {
    if (ear.voice_ids[which] != PJSUA_INVALID_ID) return true;
    if (!ear.voices[which] && !ok(pjmedia_tonegen_create(ear.pool, RATE, 1, FRAME, 16, 0, &ear.voices[which]), error))
        return false;
    pjsua_conf_port_id id = PJSUA_INVALID_ID;
    if (!ok(pjsua_conf_add_port(ear.pool, ear.voices[which], &id), error)) return false;
    ear.voice_ids[which] = id;
    return true;
}

bool make_listener(Ear &ear, ld_error *error) {
    if (ear.listener != PJSUA_INVALID_ID) return true;
    auto *port = PJ_POOL_ZALLOC_T(ear.pool, Ear::Port);
    pj_str_t name = pj_str(const_cast<char *>("listener"));
    pjmedia_port_info_init(&port->base.info, &name, PJMEDIA_SIG_CLASS_APP('L', 'D', 'E'), RATE, 1, 16, FRAME);
    port->base.put_frame = &heard;
    port->base.on_destroy = &destroyed;
    port->ear = &ear;
    return ok(pjsua_conf_add_port(ear.pool, &port->base, &ear.listener), error);
}

} // namespace

namespace linedesk {

void end_ear(Phone &phone) {
    if (!phone.ear) return;
    for (auto id : phone.ear->voice_ids)
        if (id != PJSUA_INVALID_ID) pjsua_conf_remove_port(id);
    if (phone.ear->listener != PJSUA_INVALID_ID) pjsua_conf_remove_port(phone.ear->listener);
}

} // namespace linedesk

extern "C" {

bool ld_ear_play(ld_phone *phone, int32_t which, const ld_tone *tones, uint32_t count, bool repeat, ld_error *error) {
    return guarded(error, [&] {
        if (which < 0 || which > 1 || count == 0 || count > 8) {
            fail(error, PJ_EINVAL, "no such voice, or too many tones");
            return false;
        }
        Ear &ear = ear_of(self(phone));
        if (!make_voice(ear, which, error)) return false;
        pjmedia_tone_desc played[8] = {};
        for (uint32_t i = 0; i < count; i++) {
            played[i].freq1 = static_cast<short>(tones[i].frequency);
            played[i].freq2 = static_cast<short>(tones[i].second_frequency);
            played[i].on_msec = static_cast<short>(tones[i].on_ms);
            played[i].off_msec = static_cast<short>(tones[i].off_ms);
            played[i].volume = static_cast<short>(tones[i].peak);
        }
        pjmedia_tonegen_stop(ear.voices[which]);
        if (!ok(pjmedia_tonegen_play(ear.voices[which], count, played, repeat ? PJMEDIA_TONEGEN_LOOP : 0), error)) return false;
        // Slot 0 is the device. What goes into it is heard here and nowhere else.
        return ok(pjsua_conf_connect(ear.voice_ids[which], 0), error);
    });
}

void ld_ear_stop(ld_phone *phone, int32_t which) {
    quietly([&] {
        if (which < 0 || which > 1 || !self(phone).ear || !self(phone).ear->voices[which]) return;
        pjmedia_tonegen_stop(self(phone).ear->voices[which]);
    });
}

bool ld_listen_start(ld_phone *phone, uint32_t record, ld_error *error) {
    return guarded(error, [&] {
        Ear &ear = ear_of(self(phone));
        if (!make_listener(ear, error)) return false;
        {
            std::lock_guard<std::mutex> lock(ear.mutex);
            ear.listening = true;
            ear.peak = -1;
            ear.recorded.clear();
            // The sound thread must not wait for memory.
            ear.recorded.reserve(record);
            ear.wanted = record;
        }
        return ok(pjsua_conf_connect(0, ear.listener), error);
    });
}

void ld_listen_stop(ld_phone *phone) {
    quietly([&] {
        if (!self(phone).ear) return;
        Ear &ear = *self(phone).ear;
        if (ear.listener != PJSUA_INVALID_ID) pjsua_conf_disconnect(0, ear.listener);
        std::vector<int16_t> forgotten;
        std::lock_guard<std::mutex> lock(ear.mutex);
        ear.listening = false;
        ear.wanted = 0;
        ear.recorded.swap(forgotten);
    });
}

int32_t ld_listen_peak(ld_phone *phone) {
    if (!self(phone).ear) return -1;
    Ear &ear = *self(phone).ear;
    std::lock_guard<std::mutex> lock(ear.mutex);
    return std::exchange(ear.peak, -1);
}

uint32_t ld_listen_recorded(ld_phone *phone, int16_t *samples, uint32_t capacity) {
    if (!self(phone).ear) return 0;
    Ear &ear = *self(phone).ear;
    std::lock_guard<std::mutex> lock(ear.mutex);
    const size_t count = std::min<size_t>(capacity, ear.recorded.size());
    std::copy_n(ear.recorded.begin(), count, samples);
    return static_cast<uint32_t>(ear.recorded.size());
}

} // extern "C"
