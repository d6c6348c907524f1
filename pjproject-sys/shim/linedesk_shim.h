/* The C border between Linedesk and pjsua2.
 *
 * Rules that hold for every function here:
 *  - No C++ exception leaves it: failure is `false`, with the reason in `ld_error`.
 *  - All functions but ld_destroy's own join run on one thread, the one that called ld_create; it is known to pjlib.
 *  - Strings are UTF-8, NUL-terminated, and are copied before the function returns. Strings in an event live only until
 *    the callback returns.
 *  - Callbacks come on pjlib's threads, and synchronously on the calling thread inside ld_call_make, ld_call_hangup and
 *    others: a callback copies, posts, and returns. It must not call back into this header.
 */
#ifndef LINEDESK_SHIM_H
#define LINEDESK_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ld_phone ld_phone;

#define LD_TEXT 256
#define LD_CALL_ID 160

/* What pjlib said. status is a pj_status_t; os_error is errno (or the Windows code) where it was the system's. */
typedef struct ld_error {
    int32_t status;
    int32_t os_error;
    char message[LD_TEXT];
} ld_error;

enum ld_transport { LD_UDP = 0, LD_TCP = 1, LD_TLS = 2 };
enum ld_srtp { LD_SRTP_OFF = 0, LD_SRTP_SDES = 1, LD_SRTP_DTLS = 2 };
/* What is wrong with a server's certificate, as bits. */
enum ld_tls_fault { LD_TLS_NAME = 1, LD_TLS_UNTRUSTED = 2 };

enum ld_event_kind {
    LD_EVENT_REGISTRATION = 1, /* account, code, expires_s; text: reason, text2: our Contact in the answer, "" when absent,
                                  text3: what TLS complained about, state: ld_tls_fault, call: what ld_account_go gave,
                                  goodbye: it answers ld_account_register(…, false, …) */
    LD_EVENT_INCOMING = 2,     /* call, account; text: SIP Call-ID, text2: number, text3: display name as it stands there,
                                  headers: of the INVITE. 180 is already sent */
    LD_EVENT_CALL_STATE = 3,   /* call, state, code; text: reason phrase, text2: Reason header (RFC 3326), "" when absent */
    LD_EVENT_CALL_MEDIA = 4,   /* call, state = ld_media */
    LD_EVENT_PROBE = 5,        /* call, code: the answer to ld_call_probe */
    LD_EVENT_REFUSED = 6,      /* account, code: an INVITE was answered with code without asking anybody */
    LD_EVENT_TRANSFER = 7,     /* call, code, state: 1 when nothing comes after it; text: reason. How our REFER fares */
    LD_EVENT_STRANGER = 8,     /* code: requests dropped so far, text: address of the last. At most one in ten seconds */
    LD_EVENT_ASKED = 9,        /* call: the number given to ld_ask, code: what was answered; 408, 502 or 503 when nothing was */
    LD_EVENT_CONNECTION = 10,  /* text: "address:port" of a server whose TCP or TLS connection has ended */
    LD_EVENT_SOUND = 20,       /* call: number of the wish that it was opened for, account: index of the device, state: 1
                                  microphone, 0 loudspeaker, code: 0 it is open, else why it is not, or no longer; text: the same */
    LD_EVENT_DIGIT = 30,       /* call, code: the answer to ld_call_dtmf_info */
    LD_EVENT_REDIRECTED = 31,  /* call; text: URI. It waits for ld_call_redirect */
    LD_EVENT_PLAYER = 40       /* call: the player, state = ld_player_state; with LD_PLAYER_FAILED text: why */
};

/* As pjsip_inv_state. */
enum ld_call_state {
    LD_CALL_NULL = 0, LD_CALL_CALLING = 1, LD_CALL_INCOMING = 2, LD_CALL_EARLY = 3,
    LD_CALL_CONNECTING = 4, LD_CALL_CONFIRMED = 5, LD_CALL_DISCONNECTED = 6
};

/* As pjsua_call_media_status. */
enum ld_media { LD_MEDIA_NONE = 0, LD_MEDIA_ACTIVE = 1, LD_MEDIA_LOCAL_HOLD = 2, LD_MEDIA_REMOTE_HOLD = 3, LD_MEDIA_ERROR = 4 };

/* LD_PLAYER_ENDED comes once for each player and last, whatever came before. */
enum ld_player_state { LD_PLAYER_PLAYING = 1, LD_PLAYER_FAILED = 2, LD_PLAYER_ENDED = 3 };

typedef struct ld_event {
    int32_t kind;
    int32_t account;
    uint64_t call;
    int32_t state;
    int32_t code;
    uint32_t expires_s;
    bool goodbye;
    const char *text;
    const char *text2;
    const char *text3;
    const char *headers;      /* a line "Name: value" for each header, each ended by one line feed */
} ld_event;

typedef struct ld_config {
    const char *user_agent;
    const char *ca_file;      /* PEM bundle of the system, "" for none */
    uint16_t sip_port;        /* 0: any */
    uint16_t rtp_first, rtp_last;
    int32_t log_level;        /* 0–5 of pjlib */
    bool sip_trace;           /* whole messages go to on_log as LD_LOG_SIP; the receiver masks digests */
    uint32_t max_calls;       /* a further INVITE is answered 486 */
    void *context;            /* handed back in the callbacks; must outlive the phone */
    void (*on_event)(void *context, const ld_event *event);
    void (*on_log)(void *context, int32_t level, const char *text, uint32_t length);
} ld_config;

/* A server to send to: the text that routes there, and where that is. */
typedef struct ld_hop {
    const char *route;        /* sip:server:port;transport=…;lr, the next hop */
    const char *behind;       /* the same for the server behind the next hop when that is a proxy, "" else */
    const char *name;         /* host of route as it is written there; for TLS the name that is verified */
    uint16_t port;            /* port as it is written in route, 0 when it is not */
    const char *address;      /* IPv4 or IPv6 address of the next hop */
    uint16_t at_port;         /* port there */
} ld_hop;

typedef struct ld_account {
    const char *id;           /* "Name" <sip:user@domain> */
    const char *registrar;    /* sip:domain */
    const char *auth_user;
    const char *password;
    const char *ca_file;      /* besides the system's; "" for none */
    uint32_t expires_s;
    int32_t transport;        /* ld_transport */
    int32_t srtp;             /* ld_srtp */
    bool srtp_optional;
    bool ipv6;                /* what to listen on at first; ld_account_go changes it */
    bool ice, stun;           /* stun: ask the servers of ld_stun_servers */
    int32_t turn_transport;   /* ld_transport; where the server is: ld_account_turn */
    const char *turn_user;
    const char *turn_password;
} ld_account;

typedef struct ld_device {
    int32_t index;
    bool capture, playback;
    char name[LD_TEXT];
    char driver[32];
} ld_device;

/* What calls are spoken into and heard with. */
typedef struct ld_sound {
    int32_t capture, playback;                 /* index of a device; -1: none */
    uint32_t capture_epoch, playback_epoch;    /* another number: the device is opened anew */
    uint16_t capture_percent, playback_percent; /* volume; 100: as it comes */
    bool echo, noise, gain;                    /* echo canceller, noise suppressor, gain controller */
    bool exclusive;                            /* the device before is closed first: only one can open the card */
} ld_sound;
typedef struct ld_tone {
    uint16_t frequency, second_frequency; /* Hz; 0: none */
    uint16_t on_ms, off_ms;
    uint16_t peak;                        /* of each of the two, 1-32767 */
} ld_tone;

typedef struct ld_stats {
    bool encrypted;
    char codec[32];
    uint32_t clock_rate;
    uint32_t rx_packets, tx_packets;
    uint32_t rx_lost, rx_discarded, tx_lost;
    uint32_t rx_jitter_us;    /* mean */
    uint32_t rtt_us;          /* last; 0: not known */
    uint32_t buffer_delay_ms; /* mean of the jitter buffer */
} ld_stats;

/* In the place of a level in on_log: a whole SIP message, after a line that says where from or to. */
enum { LD_LOG_SIP = 100 };

/* What the process holds: bytes of the heap (0 where that is not known), pools of pjlib in use, and their bytes. */
typedef struct ld_memory {
    uint64_t heap, pools, pool_bytes;
} ld_memory;

/* Starts pjlib and pjsua2; one phone in a process. */
ld_phone *ld_create(const ld_config *config, ld_error *error);
/* Ends all: calls, registrations (without waiting for the answers: wait before), threads. No callback comes after it. */
/* false: a device hangs, and its thread with it. Then everything stays where it is, also the context of the callbacks, until the
 * process ends. */
bool ld_destroy(ld_phone *phone);
const char *ld_version(void);
void ld_memory_use(ld_phone *phone, ld_memory *memory);
/* level: 0-5 of pjlib. */
void ld_log_level(ld_phone *phone, int32_t level, bool sip_trace);

/* What to answer an INVITE with at once; 0: let it ring. */
void ld_refuse_calls(ld_phone *phone, int32_t code);
void ld_rtp_ports(ld_phone *phone, uint16_t first, uint16_t last);
/* Codec ids ("opus/48000") in order of preference; all others are off. */
bool ld_codecs(ld_phone *phone, const char *const *ids, uint32_t count, ld_error *error);

/* Class of service of SIP and RTP, 0-63; for accounts that are made from now on. */
void ld_dscp(ld_phone *phone, uint8_t sip, uint8_t rtp);
/* host:port of STUN servers, for all accounts that ask one. */
/* Where the account's TURN server is (host:port, for TLS by the name in its certificate), for calls that begin from now on; "": it is
 * not used. */
bool ld_account_turn(ld_phone *phone, int32_t id, const char *server, ld_error *error);
bool ld_stun_servers(ld_phone *phone, const char *const *servers, uint32_t count, ld_error *error);

/* An account is made without registering, and without a server: see ld_account_go. */
bool ld_account_add(ld_phone *phone, const ld_account *account, int32_t *id, ld_error *error);
bool ld_account_register(ld_phone *phone, int32_t id, bool on, ld_error *error);
bool ld_account_remove(ld_phone *phone, int32_t id, ld_error *error);
/* The account's requests outside of calls go there from now on, also its next REGISTER, which is a new registration: one that
 * is still under way is no longer told about. number: stands in the events of the new registration, so that one of the old that
 * is already on its way is known as such. */
bool ld_account_go(ld_phone *phone, int32_t id, const ld_hop *hop, uint64_t *number, ld_error *error);
/* OPTIONS to a server, over the account's transport, whether or not the account goes there. Answered by LD_EVENT_ASKED with
 * `number`. */
bool ld_ask(ld_phone *phone, int32_t account, const ld_hop *hop, uint64_t number, ld_error *error);
/* Only these addresses may speak to us, and those that we have sent something to within the last three minutes. */
void ld_servers_are(ld_phone *phone, const char *const *addresses, uint32_t count);
/* Our address has changed: TCP and TLS connections are ended, and what was learnt of our old address is forgotten. Accounts
 * must be registered again (ld_account_go), and each call that was answered told (ld_call_moved). */
void ld_moved(ld_phone *phone);
/* Tells the other side where we are now: re-INVITE with a new Contact, a new Via and new media addresses. */
bool ld_call_moved(ld_phone *phone, uint64_t call, ld_error *error);

/* headers: pairs name, value; count is the number of pairs. */
bool ld_call_make(ld_phone *phone, int32_t account, const char *uri, const char *const *headers, uint32_t count,
                  uint64_t *call, char sip_call_id[LD_CALL_ID], ld_error *error);
bool ld_call_answer(ld_phone *phone, uint64_t call, int32_t code, ld_error *error);
bool ld_call_hangup(ld_phone *phone, uint64_t call, int32_t code, ld_error *error);
bool ld_call_hold(ld_phone *phone, uint64_t call, ld_error *error);
bool ld_call_unhold(ld_phone *phone, uint64_t call, ld_error *error);
bool ld_call_dtmf(ld_phone *phone, uint64_t call, const char *digits, ld_error *error);
/* One digit by SIP INFO (application/dtmf-relay). Answered by LD_EVENT_DIGIT. */
bool ld_call_dtmf_info(ld_phone *phone, uint64_t call, char digit, uint32_t ms, ld_error *error);
/* One digit as two tones in what the call hears of us; the microphone is to be away meanwhile (ld_call_connect). */
bool ld_call_tone(ld_phone *phone, uint64_t call, char digit, uint32_t ms, uint32_t pause_ms, ld_error *error);
/* No further tone comes for now. false: one still sounds, and goes on unless it is cut off. */
bool ld_call_tone_end(ld_phone *phone, uint64_t call, bool cut);
/* After LD_EVENT_REDIRECTED: call that URI, or try the next one that the redirection names. */
bool ld_call_redirect(ld_phone *phone, uint64_t call, bool follow, ld_error *error);
/* Joins the call's stream with the sound device; microphone false: only what we hear. */
bool ld_call_connect(ld_phone *phone, uint64_t call, bool microphone, ld_error *error);
/* REFER: the other side is to call uri instead. Told about by LD_EVENT_TRANSFER. */
bool ld_call_transfer(ld_phone *phone, uint64_t call, const char *uri, ld_error *error);
/* REFER with Replaces: the other side takes our place in the call `other`. Told about by LD_EVENT_TRANSFER of `call`. */
bool ld_call_transfer_into(ld_phone *phone, uint64_t call, uint64_t other, ld_error *error);
/* The two hear each other, or no longer. Both must have a sound stream. */
bool ld_calls_mix(ld_phone *phone, uint64_t one, uint64_t other, bool on, ld_error *error);
/* In-dialog OPTIONS: is anybody still there? Answered by LD_EVENT_PROBE. */
bool ld_call_probe(ld_phone *phone, uint64_t call, ld_error *error);
/* false without an error when no stream runs. */
bool ld_call_stats(ld_phone *phone, uint64_t call, ld_stats *stats);
/* Mean levels of the last frame, 0-127 on the µ-law scale: of our microphone, and of what the call brings. false without an
 * error when no stream runs. */
bool ld_call_levels(ld_phone *phone, uint64_t call, uint32_t *microphone, uint32_t *heard);
/* Forgets a call some time after LD_CALL_DISCONNECTED. */
void ld_call_free(ld_phone *phone, uint64_t call);

/* ALSA only: looks what devices there are and opens each for a moment to see what it can; without a phone. For a process
 * of its own: the plugins of sound servers stay loaded. Fills at most capacity, returns how many there are. */
uint32_t ld_probe_devices(ld_device *devices, uint32_t capacity);
/* ALSA only: these devices become those that ld_devices tells; none is opened. Not while a device is being opened. A device
 * that was named before keeps its index. */
bool ld_name_devices(ld_phone *phone, const ld_device *devices, uint32_t count, ld_error *error);
/* Fills at most capacity devices, returns how many there are. refresh: look again (not while sound is open), where it is
 * not ALSA. */
uint32_t ld_devices(ld_phone *phone, bool refresh, ld_device *devices, uint32_t capacity);
/* Opens and changes what is wished, and keeps calls going with silence where there is no device. A device that is replaced is
 * heard until the new one gives or takes sound. Returns at once: what became of each device that had to be opened is told by
 * LD_EVENT_SOUND, and so is its loss, and that it does not open within 6 s. number: greater each time. */
void ld_sound_want(ld_phone *phone, const ld_sound *wish, uint64_t number);
/* Lets go of the devices: the microphone is never held idle. Returns at once. */
void ld_sound_close(ld_phone *phone);

/* Plays samples (48 kHz, one channel) on a device, whatever the calls use; then so many samples of pause, and again and
 * again when repeat. gain: 4096 is as the samples are. Opening and closing happen on a thread of the player's own, so a
 * device that hangs hangs nobody else: it is told by LD_EVENT_PLAYER. */
bool ld_player_start(ld_phone *phone, int32_t device, const int16_t *samples, uint32_t count, uint32_t pause, bool repeat,
                     uint32_t gain, uint64_t *player, ld_error *error);
void ld_player_gain(ld_phone *phone, uint64_t player, uint32_t gain);
/* Silent at once; returns without waiting until the device is closed. */
void ld_player_stop(ld_phone *phone, uint64_t player);
/* Waits until the device of a stopped player is closed; false: it is not yet. */
bool ld_player_await(ld_phone *phone, uint64_t player, uint32_t ms);
/* After LD_PLAYER_ENDED. With the last one go the plugins of the sound system, unless sound is open. */
void ld_player_free(ld_phone *phone, uint64_t player);

/* Two voices that only the operator hears, because they go into the open playback device and into no call. */
enum ld_ear { LD_EAR_LINE = 0, LD_EAR_BEEP = 1 };
bool ld_ear_play(ld_phone *phone, int32_t ear, const ld_tone *tones, uint32_t count, bool repeat, ld_error *error);
void ld_ear_stop(ld_phone *phone, int32_t ear);

/* Listens to the open microphone, and keeps its first `record` samples (48 kHz) in memory. */
bool ld_listen_start(ld_phone *phone, uint32_t record, ld_error *error);
/* Forgets what was recorded. */
void ld_listen_stop(ld_phone *phone);
/* Loudest sample (0-32768) since the last time, or -1 when none came. */
int32_t ld_listen_peak(ld_phone *phone);
/* Copies what was recorded up to now, at most capacity samples; returns how many there are. */
uint32_t ld_listen_recorded(ld_phone *phone, int16_t *samples, uint32_t capacity);

#ifdef __cplusplus
}
#endif
#endif
