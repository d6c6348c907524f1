/* Patch 0001. The call is over and its transactions are gone, but somebody still holds the session. It and all it counts
 * with lie in the dialog's pool, which goes when the last reference is dropped: nothing may be read after that. */
#include "stage.h"

int main(void) {
    stage_open();
    pjsip_inv_session *call = talking();
    MUST(pjsip_inv_add_ref(call) == PJ_SUCCESS);
    peer_requests(call, "BYE", "");
    later(64000);
    MUST(call->state == PJSIP_INV_STATE_DISCONNECTED);
    MUST(pools_in_use() > 0);
    MUST(pjsip_inv_dec_ref(call) == PJ_EGONE);
    MUST(pools_in_use() == 0);
    stage_close();
    return 0;
}
