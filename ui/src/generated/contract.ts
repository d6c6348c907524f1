// Generated from Rust by `cargo xtask codegen` (linedesk-headless typescript). Do not edit: it is checked current.

/** Every path of central begins with it. */
export const BASE = "/api/v1";

/** Version of the contract with central. */
export const PROTOCOL = 1;

/**
 * One SIP account.
 */
export type Account = { 
/**
 * Its name here.
 */
id: AccountId, 
/**
 * Server (name or address) that takes REGISTER; for TLS the name that its certificate must carry.
 */
server: string, 
/**
 * Port of the server; 0: DNS says servers and ports (SRV, RFC 3263), else the transport's usual port.
 */
port: number, 
/**
 * Where to go, in this order, when the server does not answer. Same transport, domain and secret.
 */
backup_servers?: Array<ServerAddress>, 
/**
 * All SIP goes through this proxy, whatever the server is; absent: straight to the server.
 */
outbound_proxy?: ServerAddress, 
/**
 * How SIP travels.
 */
transport: Transport, 
/**
 * SIP domain of the address of record; a domain is not a server address.
 */
domain: string, 
/**
 * User part of the address of record.
 */
user: string, 
/**
 * User of the digest; the same as `user` when empty.
 */
auth_user: string, 
/**
 * Password of the digest.
 */
password: Secret, 
/**
 * What the other side sees as our name.
 */
display_name: string, 
/**
 * Seconds a registration is asked for.
 */
expires_s: number, 
/**
 * Media encryption.
 */
encryption: Encryption, 
/**
 * With [`Encryption::Sdes`]: a server that has plain RTP alone is talked to all the same. Else such a call is refused. DTLS
 * cannot be optional, because its offer cannot be read as a plain one.
 */
encryption_optional?: boolean, 
/**
 * Which addresses may be used.
 */
address_family?: AddressFamily, 
/**
 * How sound finds its way through NAT.
 */
nat?: Nat, 
/**
 * How digits travel.
 */
dtmf?: DtmfMethod, 
/**
 * Headers of an incoming INVITE that are passed on in [`crate::Call::headers`], by name; case does not matter.
 */
pass_headers?: Array<string>, 
/**
 * PEM file of a certification authority for TLS besides the system's; empty for none.
 */
tls_ca_file: string, };

/**
 * Names an account within the softphone; chosen by whoever configures it (central's id of the phone).
 */
export type AccountId = string;

/**
 * An account as the window shows it.
 */
export type AccountView = { 
/**
 * Name of its PBX.
 */
pbx_name: string, 
/**
 * What the PBX does for a dialled code.
 */
codes: FeatureCodes, };

/**
 * Which addresses may be used.
 */
export type AddressFamily = "any" | "ipv4" | "ipv6";

/**
 * What central answered to a request, 2xx only.
 */
export type Answer = { 
/**
 * HTTP status; 202 also for a status wish that waits here for the link.
 */
status: number, 
/**
 * JSON body, when there is one.
 */
body?: unknown, 
/**
 * True when it waits in the outbox for the link to come back.
 */
queued?: boolean, };

/**
 * How far the wish has come at the PBX.
 */
export type Applied = "applied" | "pending" | "failed" | "unknown";

/**
 * One sound device in one direction.
 */
export type AudioDevice = { 
/**
 * Stable name, the key of a choice.
 */
name: string, 
/**
 * What a person reads.
 */
label: string, 
/**
 * Whether it records (else it plays).
 */
capture: boolean, 
/**
 * Whether the system prefers it.
 */
is_default: boolean, };

/**
 * Which calls are answered by themselves: only while the operator is available, no other call runs and the chosen headset
 * is plugged in; always with a beep.
 */
export type AutoAnswer = "off" | "queue-calls" | "by-header";

/**
 * One call. Instants are milliseconds since the Unix epoch (UTC) for people; durations are from the softphone's
 * monotonic clock, so a clock jump never shows as a long call.
 */
export type Call = { 
/**
 * Our number of it.
 */
id: CallId, 
/**
 * The account that carries it.
 */
account: AccountId, 
/**
 * SIP Call-ID: the key by which central knows the same call.
 */
sip_call_id: string, 
/**
 * Who began it.
 */
direction: CallDirection, 
/**
 * Where it is.
 */
phase: CallPhase, 
/**
 * User part of the other side's URI as it came; never a key.
 */
remote_number: string, 
/**
 * Display name as it came (P-Asserted-Identity, else Remote-Party-ID, else From).
 */
remote_name?: string, 
/**
 * Headers of its INVITE that the account passes on, by the name that the account gives; since version 1.3.
 */
headers?: { [key in string]: string }, 
/**
 * The caller's PBX asks that it be answered by itself after so many seconds (`Alert-Info`, `Call-Info`).
 */
answer_after_s?: number, 
/**
 * It was answered by itself, with a beep.
 */
answered_by_itself?: boolean, 
/**
 * Outgoing, not answered yet: what happens there.
 */
progress?: Progress, 
/**
 * When it began here.
 */
started_at_ms: number, 
/**
 * When it was answered.
 */
answered_at_ms?: number, 
/**
 * Milliseconds since it began, at the time of this message.
 */
age_ms: number, 
/**
 * Milliseconds since the answer, at the time of this message.
 */
talk_ms?: number, 
/**
 * Milliseconds since the present hold began, at the time of this message.
 */
hold_ms?: number, 
/**
 * Milliseconds on hold in all, the present one too, at the time of this message.
 */
held_in_all_ms?: number, 
/**
 * Our microphone is off for this call.
 */
muted: boolean, 
/**
 * Whether media is encrypted.
 */
encrypted: boolean, 
/**
 * This call was made to consult somebody about that one.
 */
consults_for?: CallId, 
/**
 * It is being handed to somebody, or the last try failed.
 */
transfer?: Transfer, 
/**
 * It is part of the conference: its calls hear each other and the operator.
 */
conference?: boolean, 
/**
 * What the operator should be told while talking; in the order in which it began.
 */
warnings?: Array<Warning>, 
/**
 * The last measurement, at most a second old while talking.
 */
quality?: Quality, };

/**
 * Who began it.
 */
export type CallDirection = "incoming" | "outgoing";

/**
 * How a call ended.
 */
export type CallEnd = { 
/**
 * Who ended it.
 */
by: EndedBy, 
/**
 * SIP status that ended it; 200 for an ordinary BYE.
 */
sip_status: number, 
/**
 * SIP reason phrase, or our own word.
 */
reason: string, 
/**
 * Cause of ITU-T Q.850, where the other side gave one (RFC 3326): 16 normal, 17 busy, 19 no answer, 34 no circuit …
 */
q850?: number, };

/**
 * Number of a call within one run of the softphone; never used again in that run.
 */
export type CallId = number;

/**
 * What central knows of a call that the softphone does not.
 */
export type CallInfo = { 
/**
 * The queue it came by.
 */
queue?: QueueId, 
/**
 * Its name.
 */
queue_name?: string, 
/**
 * The project, the largest line of the card.
 */
project?: string, 
/**
 * What to say first.
 */
greeting?: string, 
/**
 * The caller's number as the PBX has it.
 */
caller_number?: string, 
/**
 * The caller's name as the PBX has it.
 */
caller_name?: string, 
/**
 * When the customer began to wait in the queue, ms since the Unix epoch.
 */
waiting_since_ms?: number, 
/**
 * When the wait ended by an answer, ms since the Unix epoch.
 */
answered_ms?: number, 
/**
 * Said after the softphone died in this call: the customer is back in the queue, first.
 */
returned_to_queue?: boolean, 
/**
 * When the PBX began to ring the phone, ms since the Unix epoch by the PBX event's arrival at central.
 */
ringing_ms?: number, };

/**
 * Where a call is.
 */
export type CallPhase = "dialing" | "ringing-there" | "ringing" | "connecting" | "talking" | "held" | "held-there" | "ended";

/**
 * What is left of a call: one record for each, sent with [`crate::Event::CallEnded`].
 */
export type CallRecord = { 
/**
 * The call in its last state.
 */
call: Call, 
/**
 * How it ended.
 */
end: CallEnd, };

/**
 * The link to central.
 */
export type CentralLink = { 
/**
 * State.
 */
state: LinkState, 
/**
 * Since when, ms since the Unix epoch by this machine's clock.
 */
since_ms: number, 
/**
 * Why it is not connected.
 */
problem?: ConnectProblem, };

/**
 * Who changed it last.
 */
export type ChangedBy = { "who": "operator" } | { "who": "person", 
/**
 * Display name.
 */
name: string, } | { "who": "pbx" } | { "who": "system" };

/**
 * A codec in the order of preference.
 */
export type Codec = "opus" | "g722" | "pcma" | "pcmu";

/**
 * A wish. Each is answered once, by [`Reply`] or [`CommandError`].
 */
export type Command = { "do": "configure", 
/**
 * All accounts.
 */
accounts: Array<Account>, 
/**
 * Media for all of them.
 */
media: Media, } | { "do": "register", 
/**
 * Which.
 */
account: AccountId, } | { "do": "unregister", 
/**
 * Which.
 */
account: AccountId, } | { "do": "dial", 
/**
 * Which account carries it.
 */
account: AccountId, 
/**
 * Number (digits, `+`, `*`, `#`) or `sip:`/`sips:` URI.
 */
target: string, 
/**
 * Extra headers of the profile.
 */
headers: Array<[string, string]>, } | { "do": "answer", 
/**
 * Which.
 */
call: CallId, 
/**
 * End the conversation instead of holding it.
 */
end_running?: boolean, 
/**
 * Ringing calls that are refused with *busy* in the same moment, so that their queues go on to somebody free.
 */
busy?: Array<CallId>, 
/**
 * Nobody pressed anything: a beep tells the operator, and [`crate::Call::answered_by_itself`] says so.
 */
by_itself?: boolean, } | { "do": "reject", 
/**
 * Which.
 */
call: CallId, 
/**
 * How.
 */
reason: RejectReason, } | { "do": "hang-up", 
/**
 * Which.
 */
call: CallId, } | { "do": "hold", 
/**
 * Which.
 */
call: CallId, } | { "do": "resume", 
/**
 * Which.
 */
call: CallId, } | { "do": "hand-over", 
/**
 * Which.
 */
call: CallId, 
/**
 * As in `Dial`.
 */
target: string, 
/**
 * As in `Dial`.
 */
headers: Array<[string, string]>, 
/**
 * How long it may ring there, seconds.
 */
ring_s: number, } | { "do": "consult", 
/**
 * Which.
 */
call: CallId, 
/**
 * As in `Dial`.
 */
target: string, 
/**
 * As in `Dial`.
 */
headers: Array<[string, string]>, } | { "do": "complete-transfer", 
/**
 * The call that is handed over.
 */
call: CallId, } | { "do": "cancel-transfer", 
/**
 * The call that was to be handed over.
 */
call: CallId, } | { "do": "blind-transfer", 
/**
 * Which.
 */
call: CallId, 
/**
 * As in `Dial`.
 */
target: string, } | { "do": "conference", 
/**
 * Which.
 */
calls: Array<CallId>, } | { "do": "leave-conference" } | { "do": "mute", 
/**
 * Which.
 */
call: CallId, 
/**
 * Off?
 */
muted: boolean, } | { "do": "dtmf", 
/**
 * Which.
 */
call: CallId, 
/**
 * In order.
 */
digits: string, } | { "do": "devices" } | { "do": "choose-devices", 
/**
 * What the operator speaks into.
 */
capture: DeviceChoice, 
/**
 * What the operator hears.
 */
playback: DeviceChoice, } | { "do": "set-sound", 
/**
 * All of it.
 */
settings: SoundSettings, } | { "do": "start-test", } & ({ "test": "level" } | { "test": "tone", 
/**
 * Which, by [`AudioDevice::name`]; absent: what calls are heard with.
 */
device?: string, } | { "test": "ring" } | { "test": "record-and-play" }) | { "do": "stop-test" } | { "do": "log", 
/**
 * How much.
 */
level: LogLevel, 
/**
 * Whole SIP messages, with secrets and digests masked.
 */
sip_trace: boolean, 
/**
 * Numbers are written out instead of masked.
 */
numbers: boolean, } | { "do": "statistics", 
/**
 * Which.
 */
call: CallId, } | { "do": "snapshot" } | { "do": "shell-is", 
/**
 * Program, then its arguments.
 */
command: Array<string>, } | { "do": "shutdown", 
/**
 * Wait for the last call?
 */
when_idle: boolean, };

/**
 * A refused command. `message` is English for logs; what a person reads is made from `code` in the person's language.
 */
export type CommandError = { 
/**
 * What a program branches on.
 */
code: CommandErrorCode, 
/**
 * What was attempted and why it failed.
 */
message: string, };

/**
 * Why a command was not done; a consumer branches on it.
 */
export type CommandErrorCode = "no-such-call" | "no-such-account" | "wrong-phase" | "not-registered" | "bad-argument" | "port-in-use" | "engine" | "unknown";

/**
 * Why central cannot be reached or does not let us in. The window says it in the person's language.
 */
export type ConnectProblem = { "code": "bad-address", 
/**
 * What is wrong.
 */
detail: string, } | { "code": "unknown-host", 
/**
 * Resolver's words.
 */
detail: string, } | { "code": "unreachable", 
/**
 * System's words.
 */
detail: string, } | { "code": "timeout" } | { "code": "tls-name", 
/**
 * Names that it carries, or the verifier's words.
 */
detail: string, } | { "code": "tls-untrusted", 
/**
 * Verifier's words.
 */
detail: string, } | { "code": "not-central", 
/**
 * What came.
 */
detail: string, } | { "code": "elsewhere", 
/**
 * Where.
 */
elsewhere: SignedInElsewhere, } | { "code": "refused", 
/**
 * It.
 */
problem: Problem, };

/**
 * Which device to use.
 */
export type DeviceChoice = { "use": "system" } | { "use": "device", 
/**
 * [`AudioDevice::name`].
 */
name: string, };

/**
 * How digits travel.
 */
export type DtmfMethod = "rfc4733" | "info" | "in-band";

/**
 * SRTP of an account.
 */
export type Encryption = "off" | "sdes" | "dtls";

/**
 * Who ended a call.
 */
export type EndedBy = "us" | "far-side" | "loss";

/**
 * Something changed: each event carries the whole new state of the thing that changed.
 */
export type Event = { "event": "registration", 
/**
 * New state.
 */
registration: Registration, } | { "event": "account-removed", 
/**
 * Which.
 */
account: AccountId, } | { "event": "call", 
/**
 * New state.
 */
call: Call, } | { "event": "call-ended", 
/**
 * What is left.
 */
record: CallRecord, } | { "event": "sound", 
/**
 * New state.
 */
sound: SoundState, } | { "event": "headset", 
/**
 * New state.
 */
headset?: HeadsetState, } | { "event": "level", 
/**
 * Per cent of the scale, loudest of the last tenth of a second.
 */
microphone: number, };

/**
 * Numbers by which a PBX does something; absent: it does not.
 */
export type FeatureCodes = { 
/**
 * A call that is handed to it waits there until somebody fetches it.
 */
park?: string, 
/**
 * Takes a call that rings at a colleague.
 */
pickup?: string, 
/**
 * Calls the last number again.
 */
redial?: string, 
/**
 * Says everything back, for a test of the whole line.
 */
echo_test?: string, };

/**
 * Central → client, text frames.
 */
export type FromLive = { "type": "hello", 
/**
 * [`crate::PROTOCOL`].
 */
protocol: number, 
/**
 * Epoch of this server's state.
 */
epoch: string, 
/**
 * Server's time.
 */
at_ms: number, } | { "type": "snapshot", 
/**
 * Epoch.
 */
epoch: string, 
/**
 * Which.
 */
topic: Topic, 
/**
 * Number of this frame in the topic.
 */
number: number, 
/**
 * Server's time.
 */
at_ms: number, 
/**
 * [`MeState`], [`QueuesState`] or [`CallsState`](crate::CallsState).
 */
state: unknown, } | { "type": "delta", 
/**
 * Epoch.
 */
epoch: string, 
/**
 * Which.
 */
topic: Topic, 
/**
 * One more than the frame before.
 */
number: number, 
/**
 * Server's time.
 */
at_ms: number, 
/**
 * RFC 7396.
 */
patch: unknown, } | { "type": "topic-end", 
/**
 * Which.
 */
topic: Topic, } | { "type": "session-ended", 
/**
 * Why.
 */
reason: SessionEndReason, } | { "type": "pong", 
/**
 * Server's time.
 */
at_ms: number, };

/**
 * Softphone → client.
 */
export type FromSoftphone = { "type": "welcome", 
/**
 * What the softphone speaks.
 */
protocol: ProtocolVersion, 
/**
 * Its program version.
 */
program: string, 
/**
 * Its process id.
 */
pid: number, 
/**
 * The whole state.
 */
snapshot: Snapshot, } | { "type": "refused", 
/**
 * What a program branches on.
 */
code: RefusedCode, 
/**
 * For the log.
 */
message: string, } | { "type": "response", 
/**
 * Of the request.
 */
id: number, 
/**
 * It.
 */
result: Outcome, } | { "type": "event", 
/**
 * One more than the last.
 */
number: number, 
/**
 * The softphone's UTC clock, ms since the Unix epoch.
 */
at_ms: number, 
/**
 * What.
 */
event: Event, } | { "type": "heartbeat" };

/**
 * Why the buttons of a headset do nothing.
 */
export type HeadsetProblem = "not-allowed" | "in-use" | "broken" | "unknown";

/**
 * A headset with buttons (USB HID, telephony page).
 */
export type HeadsetState = { 
/**
 * What it calls itself.
 */
name: string, 
/**
 * Its own mute is on.
 */
muted: boolean, 
/**
 * Why its buttons do nothing.
 */
problem?: HeadsetProblem, };

/**
 * How loud it was, 0–100 on a scale like the ear's (µ-law): 0 is digital silence, a room about 4, speech 30 to 70.
 */
export type Levels = { 
/**
 * Into the microphone that calls are spoken into; 0 while they carry silence instead.
 */
microphone: number, 
/**
 * From the other side.
 */
heard: number, };

/**
 * State of a link.
 */
export type LinkState = "off" | "connecting" | "connected" | "lost";

/**
 * How much is logged.
 */
export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";

/**
 * Body of POST [`crate::path::ME_LOST_CALLS`].
 */
export type LostCalls = { 
/**
 * SIP Call-IDs of the calls that the softphone carried when it died.
 */
sip_call_ids: Array<string>, };

/**
 * The machine somebody sits at.
 */
export type Machine = { 
/**
 * Made once per installation and user; random.
 */
id: string, 
/**
 * What people call it: the host name.
 */
name: string, };

/**
 * Who one is and what one may.
 */
export type Me = { 
/**
 * The person.
 */
user: User, 
/**
 * Name of the tenant, shown at sign-in and in the tray.
 */
tenant: string, 
/**
 * Id of this session (not a secret): the softphone child belongs to it.
 */
session: string, 
/**
 * Server's time, ms since the Unix epoch.
 */
at_ms: number, };

/**
 * State of the topic [`Topic::Me`].
 */
export type MeState = { 
/**
 * Status now.
 */
status: Status, 
/**
 * Status chosen for after the call.
 */
next?: NextStatus, 
/**
 * Queues the operator may join, by id.
 */
memberships: Record<string, Membership>, 
/**
 * The phones in use, as their PBXs see them, by id.
 */
phones: Record<string, PhoneAtPbx>, 
/**
 * PBX links, by id.
 */
pbxs: Record<string, PbxLink>, 
/**
 * Calls of the operator's phones, by SIP Call-ID.
 */
calls: Record<string, CallInfo>, };

/**
 * Media settings for all accounts.
 */
export type Media = { 
/**
 * Codecs in order; what is not named is off.
 */
codecs: Array<Codec>, 
/**
 * Acoustic echo canceller (WebRTC AEC3).
 */
echo_cancellation: boolean, 
/**
 * First and last UDP port for RTP.
 */
rtp_ports: [number, number], 
/**
 * Takes steady noise out of what the microphone hears.
 */
noise_suppression?: boolean, 
/**
 * Brings a low or loud voice to one loudness.
 */
gain_control?: boolean, 
/**
 * Class of service of SIP packets (RFC 2474), 0-63; default CS3.
 */
sip_dscp?: number, 
/**
 * Class of service of RTP packets, 0-63; default EF.
 */
rtp_dscp?: number, };

/**
 * The operator's membership of one queue.
 */
export type Membership = { 
/**
 * Wished: in or out.
 */
joined: boolean, 
/**
 * A static or realtime member cannot be removed through AMI: out is a pause there.
 */
fixed: boolean, 
/**
 * Whether the PBX has the member paused.
 */
paused: boolean, 
/**
 * How far.
 */
applied: Applied, 
/**
 * Who changed it last.
 */
by: ChangedBy, 
/**
 * When it was changed, ms since the Unix epoch.
 */
changed_ms: number, 
/**
 * With [`Applied::Failed`]: the PBX's own words.
 */
problem?: string, };

/**
 * Body of PUT [`crate::path::ME_QUEUE`].
 */
export type MembershipWish = { 
/**
 * Join or leave.
 */
joined: boolean, };

/**
 * Methods that the contract with central uses.
 */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/**
 * How sound finds its way through NAT.
 */
export type Nat = { 
/**
 * Connectivity checks (RFC 8445).
 */
ice: boolean, 
/**
 * Servers that tell our public address (RFC 8489).
 */
stun_servers: Array<ServerAddress>, 
/**
 * Server that carries our sound where nothing else gets through (RFC 8656).
 */
turn?: Turn, };

/**
 * A status chosen for after the call.
 */
export type NextStatus = { 
/**
 * What.
 */
kind: StatusKind, 
/**
 * With `break`.
 */
reason?: ReasonId, 
/**
 * When it was chosen.
 */
chosen_at_ms: number, };

/**
 * Something the operator should read.
 */
export type Notice = { 
/**
 * When, ms since the Unix epoch by this machine's clock.
 */
at_ms: number, 
/**
 * What.
 */
what: NoticeKind, };

/**
 * What happened.
 */
export type NoticeKind = { "notice": "softphone-restarted", 
/**
 * How many calls it carried.
 */
calls: number, } | { "notice": "call-adopted" } | { "notice": "customer-returned", 
/**
 * Queue name.
 */
queue: string, } | { "notice": "call-ended", 
/**
 * The record.
 */
record: CallRecord, } | { "notice": "not-remembered", 
/**
 * The keyring's words.
 */
detail: string, } | { "notice": "changed-at-pbx", 
/**
 * Queue name; empty for all.
 */
queue: string, };

/**
 * The answer to a request.
 */
export type Outcome = { "ok": Reply } | { "error": CommandError };

/**
 * A PBX, apart from the link to it.
 */
export type PbxId = number;

/**
 * The link to a PBX.
 */
export type PbxLink = { 
/**
 * Name on screens.
 */
name: string, 
/**
 * Up?
 */
up: boolean, 
/**
 * Since when, ms since the Unix epoch.
 */
since_ms: number, 
/**
 * Whether commands are sent; else central only watches.
 */
managed: boolean, };

/**
 * A phone as its PBX sees it.
 */
export type PhoneAtPbx = { 
/**
 * Its number on that PBX.
 */
number: string, 
/**
 * Which PBX.
 */
pbx: PbxId, 
/**
 * Reachable.
 */
state: Reachability, 
/**
 * The contact URI the PBX would ring.
 */
contact?: string, 
/**
 * Since when, ms since the Unix epoch.
 */
since_ms: number, 
/**
 * Grows when central asks the workstation to register again (the PBX has restarted); the workstation obeys, jittered.
 */
register_again: number, };

/**
 * Why a command to the softphone was not done.
 */
export type PhoneError = { "code": "not-running" } | { "code": "lost" } | { "code": "not-allowed" } | { "code": "refused", 
/**
 * Its words.
 */
error: CommandError, };

/**
 * PBX + endpoint + kind.
 */
export type PhoneId = number;

/**
 * The softphone's state, by id.
 */
export type PhoneView = { 
/**
 * By account (central's phone id).
 */
registrations: Record<string, Registration>, 
/**
 * By call number. A call that is over is there once more, as it ended, and gone with the next step.
 */
calls: Record<string, Call>, 
/**
 * Sound.
 */
sound: SoundState, 
/**
 * The headset whose buttons are heard; absent: there is none.
 */
headset?: HeadsetState, 
/**
 * While the microphone is tested: how loud it is, per cent of the scale.
 */
level?: number, };

/**
 * Preferences.
 */
export type Preferences = { 
/**
 * Language tag (`en`, `ru`); absent: the system's.
 */
language?: string, 
/**
 * Colours.
 */
theme: Theme, 
/**
 * The words "it goes on in the tray" were said.
 */
toldAboutTray: boolean, };

/**
 * `application/problem+json`.
 */
export type Problem = { 
/**
 * HTTP status.
 */
status: number, 
/**
 * What a program branches on.
 */
code: ProblemCode, 
/**
 * Short English summary for logs.
 */
title: string, 
/**
 * What exactly; English, for logs and details.
 */
detail?: string, 
/**
 * With [`ProblemCode::SignedInElsewhere`].
 */
elsewhere?: SignedInElsewhere, 
/**
 * With [`ProblemCode::TooManyAttempts`] and [`ProblemCode::Unavailable`]: seconds.
 */
retry_after_s?: number, };

/**
 * What a consumer branches on; the text for a person is made from it in the person's language.
 */
export type ProblemCode = "wrong-credentials" | "too-many-attempts" | "signed-in-elsewhere" | "session-ended" | "stale-fence" | "forbidden" | "not-found" | "invalid" | "too-large" | "idempotency-conflict" | "too-old" | "unavailable" | "internal" | "unknown";

/**
 * State of the softphone child.
 */
export type ProcessState = "off" | "starting" | "running" | "restarting" | "failed";

/**
 * What the administrator set for the softphone, without what only the softphone needs.
 */
export type ProfileView = { 
/**
 * Echo canceller, where the person has not chosen.
 */
echo_cancellation: boolean, 
/**
 * Noise suppression, where the person has not chosen.
 */
noise_suppression: boolean, 
/**
 * Gain control, where the person has not chosen.
 */
gain_control: boolean, 
/**
 * Which calls are answered by themselves.
 */
auto_answer: AutoAnswer, 
/**
 * By account (central's phone id).
 */
accounts: Record<string, AccountView>, };

/**
 * What happens to an outgoing call before the answer.
 */
export type Progress = "ringing" | "early-media" | "forwarded" | "queued" | "unknown";

/**
 * Version of this protocol, apart from the program's. Same major: everything of the older one works. Another major: only
 * attach, snapshot, hold and hang-up, until the last call is over and the softphone is replaced.
 */
export type ProtocolVersion = { 
/**
 * Grows when an old client would misunderstand.
 */
major: number, 
/**
 * Grows when something is added.
 */
minor: number, };

/**
 * What is measured of a call's sound, once a second. Shares and MOS of a running call are those of its last ten seconds; in its
 * record they, the jitter and the round trip are those of the whole call.
 */
export type Quality = { 
/**
 * Codec name as in SDP, e.g. `opus`.
 */
codec: string, 
/**
 * Clock rate of the codec in Hz.
 */
clock_rate: number, 
/**
 * Packets received since the call began.
 */
rx_packets: number, 
/**
 * Packets sent since the call began.
 */
tx_packets: number, 
/**
 * Lost on the way to us, per cent.
 */
rx_loss_percent: number, 
/**
 * Lost on the way from us as the other side reports (RTCP), per cent.
 */
tx_loss_percent: number, 
/**
 * Of all packets towards us, thrown away because they came too late, per cent; part of `rx_loss_percent`.
 */
rx_discard_percent?: number, 
/**
 * Mean delay of the jitter buffer, ms.
 */
buffer_delay_ms?: number, 
/**
 * Interarrival jitter towards us (RFC 3550), ms.
 */
rx_jitter_ms: number, 
/**
 * Round trip by RTCP, ms; absent until both sides have reported.
 */
rtt_ms?: number, 
/**
 * Estimated MOS of what we hear, 1.0–4.5, by the E-model (ITU-T G.107).
 */
mos: number, 
/**
 * The least that `mos` has been in this call.
 */
mos_min?: number, 
/**
 * The loudest of the last second; absent in the record.
 */
levels?: Levels, };

/**
 * Figures of a queue, the same for everybody who may see it.
 */
export type QueueFigures = { 
/**
 * Name on screens.
 */
name: string, 
/**
 * Project shown as the largest line of a ringing call.
 */
project?: string, 
/**
 * Customers waiting.
 */
waiting: number, 
/**
 * When the longest waiting one joined, ms since the Unix epoch.
 */
longest_since_ms?: number, 
/**
 * Members who could take a call now.
 */
free: number, 
/**
 * Whether these figures come from a live PBX link; else they are as of the link's loss.
 */
live: boolean, };

/**
 * A queue on one PBX.
 */
export type QueueId = number;

/**
 * State of the topic [`Topic::Queues`].
 */
export type QueuesState = { 
/**
 * By id.
 */
queues: Record<string, QueueFigures>, };

/**
 * Whether a PBX can reach a phone.
 */
export type Reachability = "reachable" | "unreachable" | "not-registered" | "unknown";

/**
 * A break reason.
 */
export type Reason = { 
/**
 * Own id.
 */
id: ReasonId, 
/**
 * Name by language (`en`, `ru`).
 */
names: { [key in string]: string }, 
/**
 * Class.
 */
class: ReasonClass, 
/**
 * Minutes it may last; absent: no limit.
 */
limit_min?: number, };

/**
 * What a break counts as.
 */
export type ReasonClass = "rest" | "work" | "training" | "technical";

/**
 * A break reason.
 */
export type ReasonId = number;

/**
 * Why an attach was refused.
 */
export type RefusedCode = "no-hello" | "wrong-token" | "other-session" | "malformed" | "replaced";

/**
 * Registration of one account.
 */
export type Registration = { 
/**
 * Of which account.
 */
account: AccountId, 
/**
 * Where it is.
 */
state: RegistrationState, 
/**
 * The Contact URI that the registrar confirmed.
 */
contact?: string, 
/**
 * The server that confirmed it, as `host:port`, since version 1.3.
 */
server?: string, 
/**
 * How SIP travels to it.
 */
transport?: Transport, 
/**
 * Since when it is in this state (ms since the Unix epoch).
 */
since_ms: number, 
/**
 * Seconds until the registrar forgets us, at the time of this message.
 */
expires_s?: number, 
/**
 * Last SIP status of REGISTER; 0 when none came.
 */
sip_status: number, 
/**
 * With [`RegistrationState::Failed`], since version 1.1.
 */
problem?: RegistrationProblem, 
/**
 * Reason phrase or the transport's error, for the details line alone.
 */
reason: string, 
/**
 * Milliseconds until the next try.
 */
retry_in_ms?: number, };

/**
 * Why a registration failed; a consumer branches on it.
 */
export type RegistrationProblem = "wrong-secret" | "unknown-account" | "timeout" | "unreachable" | "tls-name" | "tls-untrusted" | "port-in-use" | "refused" | "engine" | "unknown";

/**
 * Where a registration is.
 */
export type RegistrationState = "off" | "trying" | "registered" | "failed";

/**
 * Why a ringing call is refused.
 */
export type RejectReason = "busy" | "decline" | "unavailable";

/**
 * The answer to a command that was done.
 */
export type Reply = { "reply": "done" } | { "reply": "call", 
/**
 * It.
 */
call: Call, } | { "reply": "devices", 
/**
 * All, capture and playback.
 */
devices: Array<AudioDevice>, } | { "reply": "statistics", 
/**
 * It.
 */
quality?: Quality, } | { "reply": "snapshot", 
/**
 * It.
 */
snapshot: Snapshot, };

/**
 * Why a request was not done.
 */
export type RequestError = { "code": "signed-out" } | { "code": "not-allowed", 
/**
 * Which.
 */
detail: string, } | { "code": "offline", 
/**
 * Why, where it is known.
 */
problem?: ConnectProblem, } | { "code": "refused", 
/**
 * Its words.
 */
problem: Problem, };

/**
 * Where a subscriber stopped.
 */
export type Resume = { 
/**
 * Of the server's state; a restarted server has another.
 */
epoch: string, 
/**
 * Last frame applied.
 */
number: number, };

/**
 * How it rings.
 */
export type RingTone = { "tone": "classic" } | { "tone": "soft" } | { "tone": "bright" } | { "tone": "file", 
/**
 * Where it lies on this machine.
 */
path: string, };

/**
 * Role; rights with scopes come with supervisors.
 */
export type Role = "operator" | "supervisor" | "administrator";

/**
 * A password or token. `Debug` shows nothing of it; the memory is overwritten when it is dropped.
 *
 * It serialises as the plain text, because the local socket is where it has to go; it is never put into a file or log.
 */
export type Secret = string;

/**
 * A server by name or address.
 */
export type ServerAddress = { 
/**
 * Name or address.
 */
host: string, 
/**
 * Port; 0 as in [`Account::port`].
 */
port: number, };

/**
 * Why a session ended.
 */
export type SessionEndReason = { "why": "moved", 
/**
 * Its name.
 */
machine: string, } | { "why": "replaced-at-seat", 
/**
 * Display name.
 */
by: string, } | { "why": "signed-out" } | { "why": "revoked" };

/**
 * Who is signed in.
 */
export type SessionView = { "state": "signed-out", 
/**
 * Server used last; empty at first.
 */
server: string, 
/**
 * Name used last; empty at first.
 */
username: string, 
/**
 * Why the last session ended, if it did not end by signing out here.
 */
ended?: SessionEndReason, } | { "state": "signing-in" } | { "state": "signed-in", 
/**
 * Server's URL.
 */
server: string, 
/**
 * Who.
 */
me: Me, 
/**
 * False when there is no OS keyring: the password is asked again at the next start, nothing is stored.
 */
remembered: boolean, };

/**
 * Body of POST [`crate::path::SESSION`].
 */
export type SignIn = { 
/**
 * User name, case-insensitive.
 */
username: string, 
/**
 * Password.
 */
password: Secret, 
/**
 * Where.
 */
machine: Machine, 
/**
 * Move here if the operator works elsewhere.
 */
take_over: boolean, 
/**
 * Program and version, for the inventory.
 */
program: string, 
/**
 * [`crate::PROTOCOL`] of the client.
 */
protocol: number, };

/**
 * What a person gives to sign in.
 */
export type SignInForm = { 
/**
 * `https://…`, or a bare name (then `https://` is meant); `http://` only to this very machine.
 */
server: string, 
/**
 * Name.
 */
username: string, 
/**
 * Password.
 */
password: Secret, 
/**
 * Move here when the operator works elsewhere.
 */
takeOver: boolean, };

/**
 * Answer to a sign-in.
 */
export type SignedIn = { 
/**
 * Opaque; goes into `Authorization: Bearer …`. Only its hash is stored at central.
 */
token: Secret, 
/**
 * Grows with each sign-in of the operator; goes into each command.
 */
fence: number, 
/**
 * Who.
 */
me: Me, };

/**
 * Where the operator works now.
 */
export type SignedInElsewhere = { 
/**
 * The other machine.
 */
machine: Machine, 
/**
 * Since when, ms since the Unix epoch.
 */
since_ms: number, 
/**
 * Whether that workstation is connected at this moment.
 */
connected: boolean, };

/**
 * A SIP account.
 */
export type SipAccount = { 
/**
 * Our phone.
 */
phone: PhoneId, 
/**
 * On this PBX.
 */
pbx: PbxId, 
/**
 * Name of the PBX on screens.
 */
pbx_name: string, 
/**
 * Server name or address; with TLS the name its certificate must carry.
 */
server: string, 
/**
 * Port; 0: DNS says servers and ports (SRV, RFC 3263).
 */
port: number, 
/**
 * Where to go, in this order, when the server does not answer.
 */
backup_servers: Array<SipServer>, 
/**
 * All SIP goes through it, whatever the server is.
 */
outbound_proxy?: SipServer, 
/**
 * Transport.
 */
transport: SipTransport, 
/**
 * SIP domain; apart from the server.
 */
domain: string, 
/**
 * User part and, when `auth_user` is empty, digest user.
 */
user: string, 
/**
 * Digest user.
 */
auth_user: string, 
/**
 * Digest password.
 */
password: Secret, 
/**
 * Shown to the other side.
 */
display_name: string, 
/**
 * Media encryption.
 */
encryption: SipEncryption, 
/**
 * A server that offers plain RTP alone is talked to all the same.
 */
encryption_optional: boolean, 
/**
 * Which addresses may be used.
 */
address_family: SipAddressFamily, 
/**
 * How sound finds its way through NAT.
 */
nat: SipNat, 
/**
 * How digits travel.
 */
dtmf: SipDtmf, 
/**
 * Headers of an incoming INVITE that are shown with the call, by name.
 */
pass_headers: Array<string>, 
/**
 * What this PBX does for a dialled code.
 */
codes: FeatureCodes, 
/**
 * Certification authority for TLS besides the system's, as PEM text; empty for none.
 */
tls_ca_pem: string, };

/**
 * Which addresses may be used.
 */
export type SipAddressFamily = "any" | "ipv4" | "ipv6";

/**
 * Codec.
 */
export type SipCodec = "opus" | "g722" | "pcma" | "pcmu";

/**
 * How digits travel.
 */
export type SipDtmf = "rfc4733" | "info" | "in-band";

/**
 * Media encryption.
 */
export type SipEncryption = "off" | "sdes" | "dtls";

/**
 * How sound finds its way through NAT.
 */
export type SipNat = { 
/**
 * Connectivity checks (RFC 8445).
 */
ice: boolean, 
/**
 * Servers that tell our public address (RFC 8489).
 */
stun_servers: Array<SipServer>, 
/**
 * Server that carries our sound where nothing else gets through (RFC 8656).
 */
turn?: SipTurn, };

/**
 * A server by name or address.
 */
export type SipServer = { 
/**
 * Name or address.
 */
host: string, 
/**
 * Port; 0 as in [`SipAccount::port`].
 */
port: number, };

/**
 * How SIP travels.
 */
export type SipTransport = "udp" | "tcp" | "tls";

/**
 * A TURN server.
 */
export type SipTurn = { 
/**
 * Where.
 */
server: SipServer, 
/**
 * How we speak to it.
 */
transport: SipTransport, 
/**
 * Name.
 */
user: string, 
/**
 * Secret.
 */
password: Secret, };

/**
 * Everything, at one moment.
 */
export type Snapshot = { 
/**
 * Number of the last event that is contained in it.
 */
event_number: number, 
/**
 * The softphone's UTC clock, ms since the Unix epoch, when it was taken.
 */
at_ms: number, 
/**
 * All accounts' registrations.
 */
registrations: Array<Registration>, 
/**
 * All calls that are not over.
 */
calls: Array<Call>, 
/**
 * Sound.
 */
sound: SoundState, 
/**
 * The headset whose buttons are heard, since version 1.3.
 */
headset?: HeadsetState, };

/**
 * The softphone child.
 */
export type SoftphoneProcess = { 
/**
 * State.
 */
state: ProcessState, 
/**
 * Since when, ms since the Unix epoch by this machine's clock.
 */
since_ms: number, 
/**
 * How often it died within the last five minutes.
 */
deaths: number, 
/**
 * What it said last or how it ended; for the details line.
 */
problem?: string, };

/**
 * Answer to GET [`crate::path::ME_PROFILE`].
 */
export type SoftphoneProfile = { 
/**
 * Grows with each change.
 */
revision: number, 
/**
 * One account per PBX.
 */
accounts: Array<SipAccount>, 
/**
 * Codecs in order; what is not named is off.
 */
codecs: Array<SipCodec>, 
/**
 * Acoustic echo canceller.
 */
echo_cancellation: boolean, 
/**
 * First and last UDP port for RTP.
 */
rtp_ports: [number, number], 
/**
 * Takes steady noise out of what the microphone hears, unless the person at the machine chose otherwise.
 */
noise_suppression: boolean, 
/**
 * Brings a low or loud voice to one loudness, unless the person at the machine chose otherwise.
 */
gain_control: boolean, 
/**
 * Class of service of SIP packets (RFC 2474), 0-63.
 */
sip_dscp: number, 
/**
 * Class of service of RTP packets (RFC 2474), 0-63.
 */
rtp_dscp: number, 
/**
 * Which calls are answered by themselves.
 */
auto_answer: AutoAnswer, };

/**
 * Everything about sound that the person at this machine chooses.
 */
export type SoundSettings = { 
/**
 * What the operator speaks into.
 */
capture: DeviceChoice, 
/**
 * What the operator hears calls with.
 */
playback: DeviceChoice, 
/**
 * What rings, all at once.
 */
ring: Array<DeviceChoice>, 
/**
 * Loudness of devices in per cent of their own, by [`volume_key`]; 100 where a device is not named, at most
 * [`MOST_VOLUME`] (boost). Not of ringing.
 */
volumes: { [key in string]: number }, 
/**
 * Loudness of ringing, per cent of [`RING_LIMIT_DBFS`], 0-100. It never goes above that, whatever the tone.
 */
ring_volume: number, 
/**
 * How it rings.
 */
ring_tone: RingTone, 
/**
 * Takes steady noise out of what the microphone hears; absent: as the profile says.
 */
noise_suppression?: boolean, 
/**
 * Brings a low or loud voice to one loudness; absent: as the profile says.
 */
gain_control?: boolean, 
/**
 * Echo canceller; absent: as the profile says.
 */
echo_cancellation?: boolean, 
/**
 * A soft double beep this often while a call is on hold, seconds; 0: never.
 */
hold_reminder_s: number, 
/**
 * A beep when a call comes in during another.
 */
call_waiting_beep: boolean, 
/**
 * Buttons of a headset answer, end and mute.
 */
headset_buttons: boolean, };

/**
 * Where sound comes from and goes to.
 */
export type SoundState = { 
/**
 * The choice for speaking.
 */
capture: DeviceChoice, 
/**
 * The choice for hearing.
 */
playback: DeviceChoice, 
/**
 * The device really used for speaking; absent: there is none, calls carry silence.
 */
capture_device?: AudioDevice, 
/**
 * The device really used for hearing; absent: there is none.
 */
playback_device?: AudioDevice, 
/**
 * Why there is no device or it could not be opened; empty when all is well.
 */
problem: string, 
/**
 * Everything that was chosen, since version 1.3.
 */
settings?: SoundSettings, 
/**
 * The devices that would ring now; none: nothing would be heard.
 */
ring_devices?: Array<AudioDevice>, 
/**
 * All devices there are now.
 */
devices?: Array<AudioDevice>, 
/**
 * The test that runs.
 */
test?: TestState, };

/**
 * A test for people.
 */
export type SoundTest = { "test": "level" } | { "test": "tone", 
/**
 * Which, by [`AudioDevice::name`]; absent: what calls are heard with.
 */
device?: string, } | { "test": "ring" } | { "test": "record-and-play" };

/**
 * The status now.
 */
export type Status = { 
/**
 * What.
 */
kind: StatusKind, 
/**
 * With [`StatusKind::Break`].
 */
reason?: ReasonId, 
/**
 * Since when, ms since the Unix epoch.
 */
since_ms: number, 
/**
 * When it ends by itself (after-call) or reaches its limit (break), ms since the Unix epoch.
 */
until_ms?: number, 
/**
 * Who changed it.
 */
by: ChangedBy, };

/**
 * What the operator does. Ringing and talking are derived from calls and are not here.
 */
export type StatusKind = "preparing" | "available" | "break" | "after-call" | "not-answering" | "offline";

/**
 * Body of PUT [`crate::path::ME_STATUS`].
 */
export type StatusWish = { 
/**
 * `preparing`, `available`, `break`, `after-call`, or `offline`, which ends the shift (in a call: after it) and keeps the
 * session; from offline `preparing`, `available` or `break` begins the next shift.
 */
kind: StatusKind, 
/**
 * With `break`.
 */
reason?: ReasonId, 
/**
 * When.
 */
when: When, 
/**
 * When it was chosen, by the server's clock, ms since the Unix epoch. The workstation fills it in, since a wish may wait
 * for the link: it is passed over when another person has changed the status since, or when its shift is over.
 */
chosen_at_ms?: number, };

/**
 * A test that runs.
 */
export type TestState = { 
/**
 * What it does now.
 */
step: TestStep, 
/**
 * Milliseconds that this step still takes, at the time of this message; absent: until it is stopped.
 */
left_ms?: number, } & ({ "test": "level" } | { "test": "tone", 
/**
 * Which, by [`AudioDevice::name`]; absent: what calls are heard with.
 */
device?: string, } | { "test": "ring" } | { "test": "record-and-play" });

/**
 * What a test does.
 */
export type TestStep = "listening" | "recording" | "playing" | "unknown";

/**
 * Colours.
 */
export type Theme = "system" | "light" | "dark";

/**
 * Client → central, text frames.
 */
export type ToLive = { "type": "subscribe", 
/**
 * Which.
 */
topic: Topic, 
/**
 * Epoch and number last applied.
 */
resume?: { epoch: string, number: number }, } | { "type": "unsubscribe", 
/**
 * Which.
 */
topic: Topic, } | { "type": "ping" };

/**
 * Client → softphone.
 */
export type ToSoftphone = { "type": "hello", 
/**
 * What the client speaks.
 */
protocol: ProtocolVersion, 
/**
 * From the attach file, or given to the child at its start.
 */
token: Secret, 
/**
 * The client's session; must be the softphone's.
 */
session: string, 
/**
 * Program and version, for the log.
 */
client: string, } | { "type": "request", 
/**
 * Chosen by the client; the answer carries it.
 */
id: number, 
/**
 * What.
 */
command: Command, } | { "type": "heartbeat" };

/**
 * What can be followed.
 */
export type Topic = "me" | "queues" | "calls";

/**
 * A call on its way to somebody else.
 */
export type Transfer = { 
/**
 * How.
 */
kind: TransferKind, 
/**
 * To whom, as it was dialled.
 */
to: string, 
/**
 * How far it is.
 */
step: TransferStep, 
/**
 * With `Failed`: why.
 */
failure?: TransferFailure, 
/**
 * SIP status of the failure, where there is one.
 */
sip_status?: number, };

/**
 * Why a transfer came to nothing.
 */
export type TransferFailure = "no-answer" | "busy" | "refused" | "unavailable" | "cancelled" | "not-joined";

/**
 * How a call is handed to somebody.
 */
export type TransferKind = "hand-over" | "consult" | "blind";

/**
 * How far a transfer is.
 */
export type TransferStep = "calling" | "ringing" | "consulting" | "joining" | "done" | "failed";

/**
 * How SIP travels.
 */
export type Transport = "udp" | "tcp" | "tls";

/**
 * A TURN server.
 */
export type Turn = { 
/**
 * Where.
 */
server: ServerAddress, 
/**
 * How we speak to it.
 */
transport: Transport, 
/**
 * Name.
 */
user: string, 
/**
 * Secret.
 */
password: Secret, };

/**
 * A person.
 */
export type User = { 
/**
 * Own id.
 */
id: UserId, 
/**
 * Sign-in name.
 */
username: string, 
/**
 * What people read.
 */
display_name: string, 
/**
 * Role.
 */
role: Role, };

/**
 * A person.
 */
export type UserId = number;

/**
 * Everything the window shows.
 */
export type View = { 
/**
 * Signed in or not.
 */
session: SessionView, 
/**
 * Link to central.
 */
central: CentralLink, 
/**
 * The softphone process.
 */
softphone: SoftphoneProcess, 
/**
 * What the softphone says; absent until it said something.
 */
phone?: PhoneView, 
/**
 * What the administrator set for the softphone, as far as the window shows it; absent until it is known.
 */
profile?: ProfileView, 
/**
 * Central's topic `me`, unchanged (`MeState`); from the cache until central answers.
 */
me?: MeState, 
/**
 * Central's topic `queues`, unchanged (`QueuesState`); from the cache until central answers.
 */
queues?: QueuesState, 
/**
 * Break reasons.
 */
reasons: Array<Reason>, 
/**
 * Add it to this machine's UTC clock to get the server's, ms.
 */
server_offset_ms: number, 
/**
 * Things that happened and that the operator should read, by number; newest has the highest.
 */
notices: { [key in string]: Notice }, };

/**
 * One step of the view: whole, or what changed since the step before (RFC 7396). Numbers grow by one; whoever sees a
 * gap subscribes anew.
 */
export type ViewUpdate = { 
/**
 * Of this step.
 */
number: number, 
/**
 * [`crate::view::View`].
 */
view: View, } | { 
/**
 * Of this step.
 */
number: number, 
/**
 * JSON Merge Patch.
 */
patch: unknown, };

/**
 * Something is wrong with the sound of a call.
 */
export type Warning = "microphone-silent" | "muted-speaking" | "clipping" | "far-silent" | "nothing-arrives" | "loss-here" | "loss-there" | "unknown";

/**
 * When a wished status begins.
 */
export type When = "now" | "after-call";
