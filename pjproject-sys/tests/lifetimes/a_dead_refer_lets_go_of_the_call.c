/* Patch 0002. The line dies while REFER is being resent, and another thread runs the timers while the call is being told.
 * If that destroys REFER's transaction, the subscription waits for it for ever: it is read when the operator tries again,
 * and the call's memory is never given back. */
#include "stage.h"

static unsigned told;

static void tell(pjsip_transaction *tsx) {
    /* In the place of the other thread. */
    if (tsx->state == PJSIP_TSX_STATE_TERMINATED && pj_stricmp2(&tsx->method.name, "REFER") == 0 && told++ == 0) later(1000);
}

int main(void) {
    stage_open();
    pjsip_inv_session *call = talking();
    pjsip_evsub *transfer = refers(call);
    on_transaction = tell;
    line_is(DEAD);
    later(600);
    MUST(told == 1);
    later(1000);
    line_is(SOUND);
    if (pjsip_evsub_get_state(transfer) == PJSIP_EVSUB_STATE_TERMINATED)
        transfer = refers(call);
    else /* as a phone does that was not told of the end */
        refers_by(transfer);
    peer_requests(call, "BYE", "");
    later(64000); /* nobody answers REFER */
    stage_close();
    return 0;
}
