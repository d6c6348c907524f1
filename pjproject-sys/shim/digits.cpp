// Digits within a call, in the three ways in which they travel.
#include "phone.hpp"

using namespace linedesk;

extern "C" {

bool ld_call_dtmf(ld_phone *phone, uint64_t call, const char *digits, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = self(phone).call(call, error);
        if (!c) return false;
        CallSendDtmfParam p;
        p.method = PJSUA_DTMF_METHOD_RFC2833;
        p.digits = digits;
        c->sendDtmf(p);
        return true;
    });
}

bool ld_call_dtmf_info(ld_phone *phone, uint64_t call, char digit, uint32_t ms, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = active(phone, call, error);
        if (!c) return false;
        CallSendRequestParam p;
        p.method = "INFO";
        p.txOption.contentType = "application/dtmf-relay";
        p.txOption.msgBody = std::string("Signal=") + digit + "\r\nDuration=" + std::to_string(ms) + "\r\n";
        c->sendRequest(p);
        return true;
    });
}

bool ld_call_tone(ld_phone *phone, uint64_t call, char digit, uint32_t ms, uint32_t pause_ms, ld_error *error) {
    return guarded(error, [&] {
        PhoneCall *c = active(phone, call, error);
        if (!c) return false;
        pjsua_conf_port_id port = c->getId() == PJSUA_INVALID_ID ? PJSUA_INVALID_ID : pjsua_call_get_conf_port(c->getId());
        if (port == PJSUA_INVALID_ID) {
            fail(error, PJ_EINVALIDOP, "the call has no sound stream");
            return false;
        }
        if (!c->tones) {
            auto tones = std::make_unique<ToneGenerator>();
            tones->createToneGenerator(48000, 1);
            c->tones = std::move(tones);
        }
        // Each time, because the stream and with it the port may be new.
        if (!ok(pjsua_conf_connect(c->tones->getPortId(), port), error)) return false;
        ToneDigit tone;
        tone.digit = digit;
        tone.on_msec = static_cast<short>(ms);
        // Here and not by the caller's clock: the bridge may stand still for a moment, and two tones would become one.
        tone.off_msec = static_cast<short>(pause_ms);
        tone.volume = 0;
        c->tones->playDigits({tone});
        return true;
    });
}

bool ld_call_tone_end(ld_phone *phone, uint64_t call, bool cut) {
    bool over = true;
    quietly([&] {
        PhoneCall *c = self(phone).call(call, nullptr);
        if (!c || !c->tones) return;
        over = cut || !c->tones->isBusy();
        // The bridge lets go of its port by itself.
        if (over) c->tones.reset();
    });
    return over;
}

} // extern "C"
