/* Patch 0002. A request within the call fails while a transfer waits. Another thread has taken a timer of that request's
 * transaction from the heap just before; it runs while the call is being told. If it destroys the transaction, the
 * subscription, which is told last, reads a message that is gone. */
#include "stage.h"

static pj_bool_t by_retransmission;
static unsigned told;

static void tell(pjsip_transaction *tsx) {
    pj_timer_entry *taken = by_retransmission ? &tsx->retransmit_timer : &tsx->timeout_timer;
    if (tsx->state != PJSIP_TSX_STATE_TERMINATED || pj_stricmp2(&tsx->method.name, "INFO") != 0) return;
    told++;
    /* What the heap calls on that other thread. */
    taken->cb(NULL, taken);
}

int main(void) {
    const pjsip_method info = {PJSIP_OTHER_METHOD, {"INFO", 4}};
    pjsip_tx_data *tdata;
    stage_open();
    pjsip_inv_session *call = talking();
    refers(call);
    peer_answers("REFER", 202, "");
    on_transaction = tell;
    for (unsigned way = 0; way < 4; way++) {
        by_retransmission = way % 2;
        MUST(pjsip_dlg_create_request(call->dlg, &info, -1, &tdata) == PJ_SUCCESS);
        MUST(pjsip_dlg_send_request(call->dlg, tdata, -1, NULL) == PJ_SUCCESS);
        line_is(way < 2 ? DEAD : DEAD_BUT_SLOW);
        later(600); /* it is sent again */
        while (told == way) later(0);
        line_is(SOUND);
    }
    peer_requests(call, "NOTIFY", "Event: refer\r\nSubscription-State: terminated\r\n");
    peer_requests(call, "BYE", "");
    stage_close();
    return 0;
}
