// The sound card of calls: a microphone and a loudspeaker, each a stream of its own, so that one can be lost, found and
// changed without the other, and a clock that keeps calls going while there is none.
//
// A sound server that hangs may hold whoever opens or closes a device for ever. A worker does that, so that nobody else
// waits: what is wanted is told by `want`, what became of it by LD_EVENT_SOUND.
#ifndef LINEDESK_CARD_HPP
#define LINEDESK_CARD_HPP

#include "phone.hpp"
#include "voice.hpp"

#include <chrono>
#include <condition_variable>

namespace linedesk {

class SoundCard {
public:
    explicit SoundCard(Phone &phone);

    void want(const ld_sound &wish, uint64_t number);
    // Lets go of both devices.
    void close();
    // What the bridge was told to drop it drops with its next frame, and after the last call none comes any more: this is one.
    void settle();
    // For the end of the phone. False: the worker hangs, and everything that it may still touch must be left where it is.
    bool end(std::chrono::milliseconds patience);

private:
    struct Stream {
        Stream(SoundCard &card, bool capture) : card(card), capture(capture), volume(RATE) {}
        SoundCard &card;
        const bool capture;
        // Set by the worker alone.
        std::atomic<int32_t> index{-1};
        uint32_t epoch = 0;
        pjmedia_aud_stream *stream = nullptr;
        // Of the device's thread alone.
        Volume volume;
        std::atomic<uint64_t> number{0};
        // Whether it is open; whether its loss was told; frames that it has taken or given.
        std::atomic<bool> runs{false}, told{false};
        std::atomic<unsigned> frames{0};
        // When the device took or gave the last frame.
        std::atomic<int64_t> frame_at{0};
    };

    static constexpr unsigned RATE = BRIDGE_RATE, FRAME = BRIDGE_FRAME;
    // Devices give and take two frames at once, and the clock moves on by as many: half as often is a server asked, and a packet
    // is no shorter.
    static constexpr unsigned PAIR = 2;

    static int work(void *self);
    static pj_status_t on_play(void *stream, pjmedia_frame *frame);
    static pj_status_t on_capture(void *stream, pjmedia_frame *frame);
    static pj_status_t on_media_event(pjmedia_event *event, void *stream);
    static void on_tick(const pj_timestamp *, void *self);

    void apply(const ld_sound &wish, uint64_t number);
    bool start_clock();
    void stop_all();
    void change(Stream &stream, int32_t index, uint32_t epoch, uint64_t number);
    pj_status_t open(Stream &stream);
    void shut(Stream &stream);
    void pull(pj_int16_t *samples);
    static void push(pj_int16_t *samples);
    void tell(const Stream &stream, int32_t index, pj_status_t status, const char *text);
    void watch(Stream &stream, int64_t now);
    std::shared_ptr<Treatment> treatment();

    Phone &phone_;
    Stream capture_, playback_;
    std::atomic<unsigned> capture_percent_{100}, playback_percent_{100};
    std::atomic<bool> silent_{false};

    // What is wanted, and whether the worker runs.
    std::mutex mutex_;
    std::condition_variable changed_, done_;
    ld_sound wish_{};
    bool open_ = false;
    uint64_t wishes_ = 0, granted_ = 0, number_ = 0;
    bool runs_ = false;
    pj_thread_t *thread_ = nullptr;
    pj_pool_t *thread_pool_ = nullptr;

    // Of the worker alone.
    pj_pool_t *pool_ = nullptr;
    pjmedia_clock *clock_ = nullptr;
    bool echo_ = false, noise_ = false, gain_ = false;

    // One thread at a time moves the bridge on by a frame.
    std::mutex bridge_mutex_;
    uint64_t pulled_ = 0;
    std::mutex treatment_mutex_;
    std::shared_ptr<Treatment> treatment_;
};

} // namespace linedesk

#endif
