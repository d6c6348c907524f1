/* The stage of the lifetime tests: one phone on the raw pjsip API, and a peer that is nothing but the SIP text a test
 * hands over. No socket, one thread (a slow line has its own), and a clock that stands still until the test moves it, so
 * a sequence runs the same each time. A released pool is really freed: AddressSanitizer sees whoever reads it later. */
#ifndef LIFETIMES_STAGE_H
#define LIFETIMES_STAGE_H

#include <pjsip.h>
#include <pjsip_simple.h>
#include <pjsip_ua.h>

/* Ends the test, and says what was expected. */
#define MUST(what) must((what), #what, __FILE__, __LINE__)
void must(int holds, const char *what, const char *file, int line);

/* Called for every change of a transaction within the call, before the subscription hears of it; may be NULL. */
extern void (*on_transaction)(pjsip_transaction *tsx);

void stage_open(void);
/* Also checks that everything of the call was given back. */
void stage_close(void);

/* The peer calls, the phone answers, the peer confirms. */
pjsip_inv_session *talking(void);

/* A request of the peer within the call. */
void peer_requests(pjsip_inv_session *call, const char *method, const char *more_headers);
/* The peer's answer to the phone's last request of this method. */
void peer_answers(const char *method, int code, const char *more_headers);
/* How many requests of this method the phone has sent, resent ones included. */
unsigned sent(const char *method);

/* On a dead line, whatever the phone sends fails: at once, or (slow) when another thread says so. */
enum condition { SOUND, DEAD, DEAD_BUT_SLOW };
void line_is(enum condition condition);
/* Time passes, and what was due happens. */
void later(unsigned ms);
/* Pools in use beyond those of the empty stage. */
unsigned pools_in_use(void);

/* The phone sends REFER; nothing is answered yet. */
pjsip_evsub *refers(pjsip_inv_session *call);
/* Once more, by the same subscription. */
void refers_by(pjsip_evsub *transfer);

#endif
