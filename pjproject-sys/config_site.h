/* pjproject for an operator softphone: no video, all of SRTP, handles enough for a long day.
 * Every macro that changes a structure's layout stands here and nowhere else: a macro given to one compile only makes
 * the library and its users disagree silently. */
#define PJ_HAS_IPV6                       1
#define PJ_DEBUG                          0
#define PJ_LOG_MAX_LEVEL                  5
/* Each handle costs 0.7 KB in each of two queues, used or not. Eight calls over ICE with TURN take about a hundred. */
#define PJ_IOQUEUE_MAX_HANDLES            256
/* SIP */
#define PJSIP_HAS_TLS_TRANSPORT           1
#define PJSIP_MAX_PKT_LEN                 8000
#define PJSIP_MAX_TSX_COUNT               511
#define PJSIP_MAX_DIALOG_COUNT            127
#define PJSIP_UDP_SIZE_THRESHOLD          1300
#define PJSIP_DONT_SWITCH_TO_TCP          1
#define PJSUA_MAX_CALLS                   32
#define PJSUA_MAX_ACC                     16
/* Lines of media in a call. Each audio line of an offer takes two sockets before anybody looks at it: eight calls with the
 * default of sixteen lines would take all handles. */
#define PJSUA_MAX_CALL_MEDIA              4
/* Seconds in which who connects to us has to say something sensible; the default is to wait for ever. */
#define PJSIP_TCP_INITIAL_TIMEOUT         10
#define PJSIP_TRANSPORT_SERVER_IDLE_TIME_FIRST 10
#define PJSUA_MAX_PLAYERS                 32
#define PJSUA_MAX_RECORDERS               32
#define PJSUA_MAX_CONF_PORTS              254
/* media */
#define PJMEDIA_HAS_VIDEO                 0
#define PJMEDIA_HAS_OPUS_CODEC            1
/* Whoever answers may choose: the profile's order holds for calls that come, too. */
#define PJMEDIA_SDP_NEG_PREFER_REMOTE_CODEC_ORDER 0
#define PJMEDIA_HAS_SRTP                  1
#define PJMEDIA_SRTP_HAS_DTLS             1
#define PJMEDIA_SRTP_HAS_SDES             1
#define PJMEDIA_HAS_RTCP_XR               1
#define PJMEDIA_STREAM_ENABLE_XR          0
#define PJMEDIA_AUDIO_DEV_HAS_ALSA        1
#define PJMEDIA_AUDIO_DEV_HAS_NULL_AUDIO  1
/* pulse:DEVICE=<name of a USB headset> has a hundred characters, and a name that is cut opens another device. */
#define PJMEDIA_AUD_DEV_INFO_NAME_LEN     256
#define PJMEDIA_AUD_DEV_MAX_DEVS          48
