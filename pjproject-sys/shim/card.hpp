// The sound card of calls: a microphone and a loudspeaker, each a device of its own, so that one can be lost, found and
// changed without the other, and a keeper who keeps calls going while there is none.
//
// A sound server that hangs may hold whoever opens or closes a device for ever. So each device has a thread that does that and
// nothing else, and nobody waits for it: what is wanted is told by `want`, what became of it by LD_EVENT_SOUND.
#ifndef LINEDESK_CARD_HPP
#define LINEDESK_CARD_HPP

#include "phone.hpp"
#include "voice.hpp"

#include <condition_variable>
#include <thread>

namespace linedesk {

class SoundCard {
public:
    explicit SoundCard(Phone &phone) : phone_(phone) {}

    void want(const ld_sound &wish, uint64_t number);
    // Lets go of both devices.
    void close();
    // What the bridge was told to drop it drops with its next frame, and after the last call none comes any more: this is one.
    void settle();
    // For the end of the phone. False: a device hangs, and everything that its thread may still touch must be left where it is.
    bool end(std::chrono::milliseconds patience);

private:
    // From when it is wanted until it is closed. The card holds it while it is wanted, its thread until it is closed.
    struct Device {
        Device(SoundCard &card, bool capture, int32_t index, uint32_t epoch, uint64_t number, bool exclusive)
            : card(card), capture(capture), index(index), epoch(epoch), exclusive(exclusive), number(number) {}

        SoundCard &card;
        const bool capture;
        const int32_t index;
        const uint32_t epoch;
        // Only one can open its card.
        const bool exclusive;
        // Of the wish that it was last part of.
        std::atomic<uint64_t> number;
        const int64_t since = now_ms();
        pj_thread_desc thread;
        // Of its thread alone, but for comparing.
        std::atomic<pjmedia_aud_stream *> stream{nullptr};
        // Of the sound system's thread alone.
        Volume volume{RATE};
        // Whether it is open; whether calls use it; whether its loss was told; frames that it has taken or given, the last when.
        std::atomic<bool> runs{false}, heard{false}, told{false};
        std::atomic<unsigned> frames{0};
        std::atomic<int64_t> frame_at{0};
        int64_t first_at = 0;
        // No longer wanted: silent from now on.
        std::atomic<bool> left{false};

        std::mutex mutex;
        std::condition_variable changed;
        bool closed = false;
    };
    using Held = std::shared_ptr<Device>;

    // One direction. Calls use `now` until `next` gives and takes sound. Guarded by their mutex.
    struct Place {
        Held now, next;
        // Those that are no longer wanted and not closed yet, the last one last.
        std::vector<std::weak_ptr<Device>> leaving;

        void leave(Held &device);
    };

    static constexpr unsigned RATE = BRIDGE_RATE, FRAME = BRIDGE_FRAME;
    // Devices give and take two frames at once, and the keeper moves on by as many: half as often is a server asked, and a packet
    // is no shorter.
    static constexpr unsigned PAIR = 2;
    using Clock = std::chrono::steady_clock;

    static int64_t now_ms() {
        return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
    }
    static pj_status_t on_play(void *device, pjmedia_frame *frame);
    static pj_status_t on_capture(void *device, pjmedia_frame *frame);
    static pj_status_t on_media_event(pjmedia_event *event, void *card);

    // The keeper's.
    void keep();
    void apply(const ld_sound &wish, uint64_t number);
    void let_go();
    Clock::time_point tick();
    void watch(Device &device, int64_t now);
    void change(bool capture, int32_t index, uint32_t epoch, uint64_t number, bool exclusive);
    // A device's thread.
    void work(const Held &device, Held before);
    pj_status_t open(Device &device);
    void shut(Device &device);

    Place &place(bool capture) { return capture ? capture_ : playback_; }
    Held in_use(bool capture);
    bool is_heard(Device &device);
    void pull(pj_int16_t *samples);
    static void push(pj_int16_t *samples);
    void tell(bool capture, int32_t index, uint64_t number, pj_status_t status, const std::string &text);
    void tell(const Device &device, pj_status_t status, const std::string &text) {
        tell(device.capture, device.index, device.number, status, text);
    }
    void lost(Device &device, pj_status_t status, const std::string &text);
    std::shared_ptr<Treatment> treatment();

    Phone &phone_;
    std::atomic<unsigned> capture_percent_{100}, playback_percent_{100};
    // Whether the loudspeaker moves the bridge; and that nobody is told, or heard, any more.
    std::atomic<bool> plays_{false}, silent_{false};

    // What is wanted, whether the keeper runs, and how many devices are not closed.
    std::mutex mutex_;
    std::condition_variable changed_, done_;
    ld_sound wish_{};
    bool open_ = false;
    uint64_t wishes_ = 0, granted_ = 0, number_ = 0;
    bool runs_ = false;
    unsigned devices_ = 0;
    std::thread keeper_;
    pj_thread_desc keepers_desc_;

    // The device that is left and the one that is taken have their turns. Locked before all others.
    std::mutex playing_, capturing_;

    std::mutex places_mutex_;
    Place capture_, playback_;

    // Of the keeper alone: whether calls need sound, what is done to the microphone, and until when calls' sound was taken from
    // them, and silence given.
    bool sounds_ = false;
    bool echo_ = false, noise_ = false, gain_ = false;
    Clock::time_point taken_until_, given_until_;

    // One thread at a time moves the bridge on by a frame.
    std::mutex bridge_mutex_;
    uint64_t pulled_ = 0;
    std::mutex treatment_mutex_;
    std::shared_ptr<Treatment> treatment_;
};

} // namespace linedesk

#endif
