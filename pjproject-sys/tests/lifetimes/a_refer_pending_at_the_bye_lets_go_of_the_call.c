/* The BYE comes while REFER is pending, and the transfer ends in each of its ways afterwards. The subscription lies in the
 * dialog's pool, so it must hold the dialog for as long as it lives, and no longer. pjproject 2.17 does so unpatched. */
#include "stage.h"

int main(void) {
    enum { NO_ANSWER, ACCEPTED_THEN_NOTIFIED, ACCEPTED_THEN_SILENCE, REFUSED, CHALLENGED_THEN_DEAD, HELD, WAYS };
    stage_open();
    for (int way = NO_ANSWER; way < WAYS; way++) {
        pjsip_cred_info secret = {.realm = pj_str("*"), .scheme = pj_str("digest"), .username = pj_str("1001"), .data = pj_str("1001")};
        pjsip_inv_session *call = talking();
        MUST(pjsip_auth_clt_set_credentials(&call->dlg->auth_sess, 1, &secret) == PJ_SUCCESS);
        pjsip_evsub *transfer = refers(call);
        if (way == HELD) MUST(pjsip_evsub_add_ref(transfer) == PJ_SUCCESS);
        peer_requests(call, "BYE", "");
        MUST(call->state == PJSIP_INV_STATE_DISCONNECTED);
        later(500);
        MUST(pools_in_use() > 0);
        switch (way) {
        case ACCEPTED_THEN_NOTIFIED:
            peer_answers("REFER", 202, "");
            peer_requests(call, "NOTIFY", "Event: refer\r\nSubscription-State: terminated\r\n");
            break;
        case ACCEPTED_THEN_SILENCE: peer_answers("REFER", 202, "Expires: 0\r\n"); break;
        case REFUSED: peer_answers("REFER", 603, ""); break;
        case CHALLENGED_THEN_DEAD:
            line_is(DEAD);
            peer_answers("REFER", 401, "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"1\"\r\n");
            break;
        }
        for (int i = 0; i < 80; i++) later(1000);
        line_is(SOUND);
        if (way == HELD) {
            MUST(pools_in_use() > 0);
            MUST(pjsip_evsub_dec_ref(transfer) == PJ_EGONE);
        }
        MUST(pools_in_use() == 0);
    }
    stage_close();
    return 0;
}
