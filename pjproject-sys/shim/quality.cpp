// How a call sounds and how late it is: every number of it, with its reason. Measured by `cargo xtask bench voice` and
// `cargo xtask bench softphone` (docs/bench.md); whoever changes one, runs them.
#include "phone.hpp"

#include <pjmedia-codec/opus.h>

namespace linedesk {

void quality(MediaConfig &m) {
    // Opus and the echo canceller work at this rate, and sound servers as well: nothing but G.711 and G.722 is converted.
    m.clockRate = BRIDGE_RATE;
    m.channelCount = 1;
    // Half a packet. A frame waits in the playing thread until the card takes it, so a longer one is so much delay; a
    // shorter one costs processor time.
    m.audioFramePtime = BRIDGE_FRAME * 1000 / BRIDGE_RATE;
    // The resampler between 8 and 48 kHz: speex at 3, made for telephony. At 10, which is 5 and above here, it took half
    // of a call's processor time and PESQ heard no difference.
    m.quality = 2;
    // Silence suppression clips the beginnings of words, and the far side takes it for a dead line.
    m.noVad = true;
    // Two packets to begin with, and one at least is kept: so much do the timers of both sides deviate. Behind jitter the
    // buffer grows by itself, by as much as packets are late; half a second holds what piles up while a machine stands still.
    m.jbInit = 40;
    m.jbMinPre = 20;
    m.jbMax = 500;
    // Ours (patches/0010): what is lost is concealed at its own time, and speech does not move.
    m.jbDiscardAlgo = PJMEDIA_JB_DISCARD_TIMELINE;
    // What is done to the microphone is the card's: voice.hpp.
    m.ecTailLen = 0;
}

void opus_quality() {
    const pj_str_t id = {const_cast<char *>("opus/48000"), 10};
    pjmedia_codec_opus_config opus;
    pjmedia_codec_param param;
    if (pjmedia_codec_opus_get_config(&opus) != PJ_SUCCESS || pjsua_codec_get_param(&id, &param) != PJ_SUCCESS) return;
    // Its encoder puts in-band FEC only into packets of which it expects some to be lost. At 10 % it pays for the bits
    // that it takes, and what we send is heard behind a bad network.
    opus.packet_loss = 10;
    pjmedia_codec_opus_set_default_param(&opus, &param);
}

} // namespace linedesk
