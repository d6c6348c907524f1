// What happens to sound between the bridge and a device: echo, noise and gain of the microphone, and each device's volume.
#ifndef LINEDESK_VOICE_HPP
#define LINEDESK_VOICE_HPP

#include <pjmedia.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <vector>

namespace linedesk {

// What is done to the microphone. WebRTC's AEC3 of pjmedia carries the noise suppressor and the gain controller, too; with
// the canceller off it is given silence as what was played, so that nothing is taken for an echo.
class Treatment {
public:
    // `nullptr` when nothing is to be done, or it cannot be done (the call goes on without).
    static std::shared_ptr<Treatment> make(pj_pool_t *pool, unsigned rate, unsigned frame, unsigned latency_ms, bool echo,
                                           bool noise, bool gain) {
        if (!echo && !noise && !gain) return nullptr;
        unsigned options = PJMEDIA_ECHO_WEBRTC_AEC3;
        if (noise) options |= PJMEDIA_ECHO_USE_NOISE_SUPPRESSOR;
        if (gain) options |= PJMEDIA_ECHO_USE_GAIN_CONTROLLER;
        pjmedia_echo_state *state = nullptr;
        constexpr unsigned TAIL_MS = 200;
        if (pjmedia_echo_create2(pool, rate, 1, frame, TAIL_MS, latency_ms, options, &state) != PJ_SUCCESS) return nullptr;
        return std::shared_ptr<Treatment>(new Treatment(state, frame, echo));
    }
    ~Treatment() { pjmedia_echo_destroy(state_); }
    Treatment(const Treatment &) = delete;
    Treatment &operator=(const Treatment &) = delete;

    // A frame that the loudspeaker gets.
    void played(const pj_int16_t *samples) {
        std::lock_guard<std::mutex> lock(playing_);
        if (echo_) pjmedia_echo_playback(state_, const_cast<pj_int16_t *>(samples));
    }
    // A frame of the microphone, changed in place. `plays`: whether `played` is told of frames now.
    void captured(pj_int16_t *samples, bool plays) {
        if (!echo_ || !plays) {
            std::lock_guard<std::mutex> lock(playing_);
            std::fill(silence_.begin(), silence_.end(), pj_int16_t{0});
            pjmedia_echo_playback(state_, silence_.data());
        }
        pjmedia_echo_capture(state_, samples, 0);
    }

private:
    Treatment(pjmedia_echo_state *state, unsigned frame, bool echo) : state_(state), silence_(frame), echo_(echo) {}
    pjmedia_echo_state *state_;
    std::mutex playing_;
    std::vector<pj_int16_t> silence_;
    const bool echo_;
};

// Volume of one device. Louder than it came, peaks are held below full scale instead of being cut off.
class Volume {
public:
    explicit Volume(unsigned rate)
        : ramp_(1.0f - std::exp(-1.0f / (0.010f * static_cast<float>(rate)))),
          release_(std::exp(-1.0f / (0.200f * static_cast<float>(rate)))) {}

    void apply(pj_int16_t *samples, size_t count, unsigned percent) {
        const float wanted = static_cast<float>(percent) / 100.0f;
        // As it came, to the bit.
        if (wanted == 1.0f && std::fabs(gain_ - 1.0f) < 0.001f) {
            gain_ = 1.0f;
            return;
        }
        for (size_t i = 0; i < count; i++) {
            // No click when the volume changes.
            gain_ += (wanted - gain_) * ramp_;
            float x = static_cast<float>(samples[i]) * gain_;
            peak_ = std::max(std::fabs(x), peak_ * release_);
            if (gain_ > 1.0f && peak_ > CEILING) x *= CEILING / peak_;
            samples[i] = static_cast<pj_int16_t>(std::clamp(x, -32768.0f, 32767.0f));
        }
    }

private:
    // 1 dB below full scale.
    static constexpr float CEILING = 29204.0f;
    float ramp_, release_;
    float gain_ = 1.0f, peak_ = 0.0f;
};

} // namespace linedesk

#endif
