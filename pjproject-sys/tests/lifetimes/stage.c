#include "stage.h"

#include <pjmedia/stream_common.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 512 };

static pj_caching_pool pools;
static pjsip_endpoint *endpoint;
static pjsip_transport *line;
static pjsip_inv_session *incoming;
static unsigned of_the_stage, passed_ms, calls, peer_cseq;
/* What the phone has sent, oldest first. */
static char *letters[KEPT];
static unsigned letter_count;

void (*on_transaction)(pjsip_transaction *tsx);

void must(int holds, const char *what, const char *file, int line) {
    if (holds) return;
    fprintf(stderr, "%s:%d: it does not hold that %s\n", file, line, what);
    exit(1);
}

/* The linker puts this in the place of pjlib's clock of timers (-Wl,--wrap). */
pj_status_t __wrap_pj_gettickcount(pj_time_val *now);
pj_status_t __wrap_pj_gettickcount(pj_time_val *now) {
    now->sec = 1000 + passed_ms / 1000;
    now->msec = passed_ms % 1000;
    return PJ_SUCCESS;
}

/* pjsip negotiates SDP; the rest of pjmedia stays out of the link. PCMU has no parameters of its format. */
pj_status_t pjmedia_stream_info_parse_fmtp(pj_pool_t *pool, const pjmedia_sdp_media *media, unsigned type, pjmedia_codec_fmtp *fmtp) {
    PJ_UNUSED_ARG(pool), PJ_UNUSED_ARG(media), PJ_UNUSED_ARG(type);
    fmtp->cnt = 0;
    return PJ_SUCCESS;
}

static const char *sdp_text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                              "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static pj_bool_t on_request(pjsip_rx_data *rdata) {
    static const pj_str_t contact = {"<sip:phone@127.0.0.1;transport=loop-dgram>", 42};
    pjsip_dialog *dialog;
    pjsip_tx_data *tdata;
    pjmedia_sdp_session *sdp;
    char text[256];
    if (rdata->msg_info.msg->line.req.method.id != PJSIP_INVITE_METHOD) return PJ_FALSE;
    MUST(pjsip_dlg_create_uas_and_inc_lock(pjsip_ua_instance(), rdata, &contact, &dialog) == PJ_SUCCESS);
    strcpy(text, sdp_text);
    MUST(pjmedia_sdp_parse(dialog->pool, text, strlen(text), &sdp) == PJ_SUCCESS);
    MUST(pjsip_inv_create_uas(dialog, rdata, sdp, 0, &incoming) == PJ_SUCCESS);
    pjsip_dlg_dec_lock(dialog);
    MUST(pjsip_inv_initial_answer(incoming, rdata, 200, NULL, NULL, &tdata) == PJ_SUCCESS);
    MUST(pjsip_inv_send_msg(incoming, tdata) == PJ_SUCCESS);
    return PJ_TRUE;
}

static pj_status_t keep(pjsip_tx_data *tdata) {
    MUST(letter_count < KEPT);
    letters[letter_count++] = strndup(tdata->buf.start, (size_t)(tdata->buf.cur - tdata->buf.start));
    return PJ_SUCCESS;
}

static pjsip_module phone = {.name = {"phone", 5}, .id = -1, .priority = PJSIP_MOD_PRIORITY_APPLICATION, .on_rx_request = on_request};
/* Behind the module that prints a message into its buffer. */
static pjsip_module recorder = {.name = {"recorder", 8}, .id = -1, .priority = PJSIP_MOD_PRIORITY_TRANSPORT_LAYER - 1,
                                .on_tx_request = keep, .on_tx_response = keep};

static void on_state(pjsip_inv_session *call, pjsip_event *event) { PJ_UNUSED_ARG(call), PJ_UNUSED_ARG(event); }
static void on_new_session(pjsip_inv_session *call, pjsip_event *event) { PJ_UNUSED_ARG(call), PJ_UNUSED_ARG(event); }
static void on_tsx(pjsip_inv_session *call, pjsip_transaction *tsx, pjsip_event *event) {
    PJ_UNUSED_ARG(call), PJ_UNUSED_ARG(event);
    if (on_transaction) on_transaction(tsx);
}

void stage_open(void) {
    const pjsip_inv_callback callbacks = {
        .on_state_changed = on_state, .on_new_session = on_new_session, .on_tsx_state_changed = on_tsx};
    MUST(pj_init() == PJ_SUCCESS);
    MUST(pjlib_util_init() == PJ_SUCCESS);
    pj_log_set_level(getenv("VERBOSE") ? 5 : 0);
    /* Capacity 0: no pool is kept for later use. */
    pj_caching_pool_init(&pools, NULL, 0);
    MUST(pjsip_endpt_create(&pools.factory, "stage", &endpoint) == PJ_SUCCESS);
    MUST(pjsip_tsx_layer_init_module(endpoint) == PJ_SUCCESS);
    MUST(pjsip_ua_init_module(endpoint, NULL) == PJ_SUCCESS);
    MUST(pjsip_inv_usage_init(endpoint, &callbacks) == PJ_SUCCESS);
    MUST(pjsip_100rel_init_module(endpoint) == PJ_SUCCESS);
    MUST(pjsip_timer_init_module(endpoint) == PJ_SUCCESS);
    MUST(pjsip_evsub_init_module(endpoint) == PJ_SUCCESS);
    MUST(pjsip_xfer_init_module(endpoint) == PJ_SUCCESS);
    MUST(pjsip_endpt_register_module(endpoint, &phone) == PJ_SUCCESS);
    MUST(pjsip_endpt_register_module(endpoint, &recorder) == PJ_SUCCESS);
    MUST(pjsip_loop_start(endpoint, &line) == PJ_SUCCESS);
    /* Nothing comes back by itself; the peer speaks when the test says so. */
    MUST(pjsip_loop_set_discard(line, PJ_TRUE, NULL) == PJ_SUCCESS);
    of_the_stage = (unsigned)pools.used_count;
}

void stage_close(void) {
    /* Longer than any timer of SIP. */
    for (int i = 0; i < 4; i++) later(64000);
    MUST(pools_in_use() == 0);
    pjsip_endpt_destroy(endpoint);
    pj_caching_pool_destroy(&pools);
    for (unsigned i = 0; i < letter_count; i++) free(letters[i]);
    pj_shutdown();
}

unsigned pools_in_use(void) { return (unsigned)pools.used_count - of_the_stage; }

void line_is(enum condition condition) {
    MUST(pjsip_loop_set_failure(line, condition == SOUND ? 0 : 1, NULL) == PJ_SUCCESS);
    MUST(pjsip_loop_set_send_callback_delay(line, condition == DEAD_BUT_SLOW ? 1 : 0, NULL) == PJ_SUCCESS);
}

void later(unsigned ms) {
    const pj_time_val at_once = {0, 0};
    unsigned happened;
    passed_ms += ms;
    do MUST(pjsip_endpt_handle_events2(endpoint, &at_once, &happened) == PJ_SUCCESS);
    while (happened > 0);
}

static void arrives(const char *format, ...) {
    pj_pool_t *pool = pjsip_endpt_create_pool(endpoint, "packet", 12000, 1000);
    pjsip_rx_data *rdata = PJ_POOL_ZALLOC_T(pool, pjsip_rx_data);
    va_list values;
    va_start(values, format);
    rdata->pkt_info.len = vsnprintf(rdata->pkt_info.packet, sizeof rdata->pkt_info.packet, format, values);
    va_end(values);
    rdata->tp_info.pool = pool;
    rdata->tp_info.transport = line;
    rdata->pkt_info.src_addr_len = sizeof(pj_sockaddr_in);
    pj_sockaddr_in_init(&rdata->pkt_info.src_addr.ipv4, NULL, 5060);
    strcpy(rdata->pkt_info.src_name, "127.0.0.1");
    rdata->pkt_info.src_port = 5060;
    MUST(pjsip_tpmgr_receive_packet(line->tpmgr, rdata) == rdata->pkt_info.len);
    pjsip_endpt_release_pool(endpoint, pool);
}

static void request(const char *method, const char *tag, const char *more_headers, const char *body) {
    unsigned cseq = strcmp(method, "ACK") == 0 ? peer_cseq : ++peer_cseq;
    arrives("%s sip:phone@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/LOOP-DGRAM 127.0.0.1;branch=z9hG4bK-%s-%u\r\nMax-Forwards: 70\r\n"
            "From: <sip:peer@127.0.0.1>;tag=peer\r\nTo: <sip:phone@127.0.0.1>%s%s\r\nCall-ID: call-%u\r\nCSeq: %u %s\r\n"
            "Contact: <sip:peer@127.0.0.1;transport=loop-dgram>\r\n%sContent-Length: %u\r\n\r\n%s",
            method, method, cseq, *tag ? ";tag=" : "", tag, calls, cseq, method, more_headers, (unsigned)strlen(body), body);
}

void peer_requests(pjsip_inv_session *call, const char *method, const char *more_headers) {
    char tag[64];
    const pj_str_t *ours = &call->dlg->local.info->tag;
    snprintf(tag, sizeof tag, "%.*s", (int)ours->slen, ours->ptr);
    request(method, tag, more_headers, "");
}

pjsip_inv_session *talking(void) {
    calls++;
    incoming = NULL;
    request("INVITE", "", "Content-Type: application/sdp\r\n", sdp_text);
    MUST(incoming != NULL);
    peer_requests(incoming, "ACK", "");
    MUST(incoming->state == PJSIP_INV_STATE_CONFIRMED);
    later(64000); /* nothing is left of the INVITE's transaction */
    return incoming;
}

static int is_of(const char *letter, const char *method) {
    size_t length = strlen(method);
    return strncmp(letter, method, length) == 0 && letter[length] == ' ';
}

unsigned sent(const char *method) {
    unsigned count = 0;
    for (unsigned i = 0; i < letter_count; i++) count += (unsigned)is_of(letters[i], method);
    return count;
}

void peer_answers(const char *method, int code, const char *more_headers) {
    static const char *const same[] = {"Via:", "From:", "To:", "Call-ID:", "CSeq:"};
    char headers[2048] = "";
    unsigned i = letter_count;
    MUST(sent(method) > 0);
    while (!is_of(letters[i - 1], method)) i--;
    for (const char *at = letters[i - 1], *end; (end = strstr(at, "\r\n")) != NULL && end != at; at = end + 2)
        for (unsigned s = 0; s < PJ_ARRAY_SIZE(same); s++)
            if (strncmp(at, same[s], strlen(same[s])) == 0) strncat(headers, at, (size_t)(end + 2 - at));
    arrives("SIP/2.0 %d Said\r\n%sContact: <sip:peer@127.0.0.1;transport=loop-dgram>\r\n%sContent-Length: 0\r\n\r\n", code, headers,
            more_headers);
}

pjsip_evsub *refers(pjsip_inv_session *call) {
    pjsip_evsub *transfer;
    MUST(pjsip_xfer_create_uac(call->dlg, NULL, &transfer) == PJ_SUCCESS);
    refers_by(transfer);
    return transfer;
}

void refers_by(pjsip_evsub *transfer) {
    const pj_str_t to = pj_str("sip:target@127.0.0.1");
    unsigned before = sent("REFER");
    pjsip_tx_data *tdata;
    MUST(pjsip_xfer_initiate(transfer, &to, &tdata) == PJ_SUCCESS);
    MUST(pjsip_xfer_send_request(transfer, tdata) == PJ_SUCCESS);
    MUST(sent("REFER") == before + 1);
}
