// How a call sounds and how late it is: every number of it, with its reason. Measured by `cargo xtask bench voice`.
#include "phone.hpp"

#include <pjmedia-codec/opus.h>

namespace linedesk {

void quality(MediaConfig &m) {
    m.clockRate = 48000;
    m.channelCount = 1;
    m.audioFramePtime = 20;
    m.quality = 6;
    // Silence suppression clips the beginnings of words and makes the far side think that the line is dead.
    m.noVad = true;
    m.ecTailLen = 0;
    auto num = [](const char *n, int d) { const char *v = getenv(n); return v ? atoi(v) : d; };
    m.sndClockRate = num("LDX_SNDRATE", 0);
    m.clockRate = num("LDX_RATE", 48000);
    m.audioFramePtime = num("LDX_PTIME", 20);
    m.quality = num("LDX_Q", 6);
    m.sndRecLatency = num("LDX_REC", 100);
    m.sndPlayLatency = num("LDX_PLAY", 140);
    m.jbInit = num("LDX_INIT", 40);
    m.jbMinPre = num("LDX_MINPRE", 20);
    m.jbMaxPre = num("LDX_MAXPRE", 200);
    m.jbMax = num("LDX_MAX", 500);
    m.jbDiscardAlgo = static_cast<pjmedia_jb_discard_algo>(num("LDX_DISC", 3));
}

void opus_quality() {
    pjmedia_codec_opus_config opus;
    pjmedia_codec_param param;
    const pj_str_t id = {const_cast<char *>("opus/48000"), 10};
    if (pjmedia_codec_opus_get_config(&opus) != PJ_SUCCESS) return;
    if (pjsua_codec_get_param(&id, &param) != PJ_SUCCESS) return;
    // In-band FEC goes only into packets of an encoder that expects losses; 10 % is what it is made for.
    opus.packet_loss = 10;
    pjmedia_codec_opus_set_default_param(&opus, &param);
}

} // namespace linedesk
