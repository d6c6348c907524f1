//! Messages of the kinds that RFC 4475 collects: each of our own making, for the point that its section makes. `{at}` is
//! where the server is, `{way}` UDP or TCP, `{id}` what makes it unlike all others, `{sdp}` a sound description with its
//! length before it. A line's end is CRLF.

#![allow(dead_code, clippy::allow_attributes, reason = "shared by test binaries that each use a part")]

pub mod descriptions;

/// What a phone is to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A call that it can understand.
    Rings,
    /// Anything but fall over.
    Survives,
}
use Expected::{Rings, Survives};

/// Section, what is sent, what is to come of it.
pub const MESSAGES: &[(&str, &str, Expected)] = &[
    (
        "3.1.1.1 short and tortuous",
        "INVITE sip:1001@127.0.0.1;never-heard-of SIP/2.0\nTO :\n sip:1001@127.0.0.1 ;   x = 1\n\
         from   : \"one \\\" and one \\\\ too\"\n  <sip:2002@{at}>\n  ;\n  tag  =  t{id}\nMaX-fOrWaRdS: 0042\nCall-ID: {id}@peer\n\
         CSeq: 0003\n  INVITE\nVia  : SIP  /   2.0\n /{way}\n    {at}; branch = z9hG4bK{id}\ns :\nFashion:   of tomorrow\n \
         and after\nv:  SIP  / 2.0  / TCP     10.0.0.9   ;\n  branch  =   z9hG4bKold1  ,\n SIP  /    2.0   / UDP  10.0.0.8   ;branch=\n z9hG4bKold2\n\
         m:\"Quoted string \\\"\\\"\" <sip:2002@{at}> ; one =\n      two ;\n  three ; q = 0.25\n{sdp}",
        Survives,
    ),
    (
        "3.1.1.2 every character of a token",
        "!no*such_%method+`'~ sip:2~all.that!(a*user)'s&name=may+hold$,;?/:-_sec*ret&1=+$,@127.0.0.1 SIP/2.0\n\
         Via: SIP/2.0/{way} {at};branch=z9hG4bK~'`+_*%!.-{id}\nTo: \"\\\u{8} \\\u{1b} \\\u{7f}\" <sip:2~all.that!(a*user)'s&name=may+hold$,;?/@127.0.0.1>\n\
         From: first~` second'+ third*%! <sip:plain@{at}>;p'~+*_!%=\"\u{44f}\u{43b}\";tag=t~'+`*%!{id}\n\
         Call-ID: {id}%-!.*_+'@`~)(><:\\/\"][?}\u{7b}\nCSeq: 1900000001 !no*such_%method+`'~\nMax-Forwards: 255\n\
         x-!.%*+_`'~:\u{feff}\u{6c49}\u{5b57}\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.1.3 escapes in addresses",
        "INVITE sip:1001%40x@127.0.0.1 SIP/2.0\nTo: \"%Y%4\" <sip:desk@127.0.0.1;k%65y=w%6frd%25%33%32>\n\
         From: <sip:two%20words%20here@{at}>;tag=f{id}\nMax-Forwards: 87\nCall-ID: {id}@peer\nCSeq: 771 INVITE\n\
         Via: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:cal%6Cer@{at};l%72;k%65y=w%6frd%25%33%32>\n{sdp}",
        Rings,
    ),
    (
        "3.1.1.4 escaped nulls",
        "OPTIONS sip:zero%00inside@127.0.0.1 SIP/2.0\nTo: <sip:zero%00inside@127.0.0.1>\nFrom: <sip:zero%00inside@{at}>;tag=n{id}\n\
         Max-Forwards: 70\nCall-ID: {id}@peer\nCSeq: 772 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n\
         Contact: <sip:%00@{at}>\nContact: <sip:%00%00@{at}>\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.1.5 a percent sign that escapes nothing",
        "R%45GISTER sip:127.0.0.1 SIP/2.0\nTo: \"%Y%4\" <sip:desk@127.0.0.1>\nFrom: \"%Y%4\" <sip:desk@{at}>;tag=e{id}\n\
         Call-ID: {id}@peer\nCSeq: 773 R%45GISTER\nMax-Forwards: 70\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n\
         Contact: <sip:other1@{at}>\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.1.6 no space before the address",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: <sip:1001@127.0.0.1>\nFrom: Caller<sip:2002@{at}>;tag=l{id}\nMax-Forwards: 70\n\
         Call-ID: {id}@peer\nCSeq: 60 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:2002@{at}>\n{sdp}",
        Rings,
    ),
    (
        "3.1.1.8 more behind the end of a datagram",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: <sip:1001@127.0.0.1>\nFrom: <sip:2002@{at}>;tag=d{id}\nMax-Forwards: 70\n\
         Call-ID: {id}@peer\nCSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:2002@{at}>\n{sdp}\
         INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: <sip:other@127.0.0.1>\nFrom: <sip:2002@{at}>;tag=dd\nThe rest is cut",
        Survives,
    ),
    (
        "3.1.1.9 semicolons in the user part",
        "OPTIONS sip:desk;a=b%40c.example@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=s{id}\n\
         Max-Forwards: 3\nCall-ID: {id}@peer\nCSeq: 8 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.1.10 transports that nobody knows",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: <sip:caller@{at}>;tag=v{id}\nMax-Forwards: 70\n\
         Call-ID: {id}@peer\nCSeq: 60 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nVia: SIP/2.0/SCTP p2.example;branch=z9hG4bKk1\n\
         Via: SIP/2.0/TLS p3.example;branch=z9hG4bKk2\nVia: SIP/2.0/UNKNOWN p4.example;branch=z9hG4bKk3\n\
         Via: SIP/2.0/TCP p5.example;branch=z9hG4bKk4\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.1.11 a body of several parts",
        "MESSAGE sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nMax-Forwards: 70\nFrom: <sip:2002@{at}>;tag=m{id}\n\
         To: <sip:1001@127.0.0.1>\nCall-ID: {id}@peer\nCSeq: 127 MESSAGE\nContent-Type: multipart/mixed;boundary=\"part-of-two-0001\"\n\
         Content-Length: 201\n\n--part-of-two-0001\nContent-Type: text/plain\n\nHello\n--part-of-two-0001\n\
         Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n\u{1}\u{2}\u{0}\u{7f}\n--part-of-two-0001--\n",
        Survives,
    ),
    (
        "3.1.1.12 a reason phrase of all sorts",
        "SIP/2.0 200 ~ * ; \u{43e}\u{442}\u{432}\u{435}\u{442} 42\nVia: SIP/2.0/{way} 127.0.0.1:5060;branch=z9hG4bK{id}\nCall-ID: {id}@peer\n\
         CSeq: 35 INVITE\nFrom: <sip:1001@127.0.0.1>;tag=a\nTo: <sip:2002@{at}>;tag=b\nContact: <sip:2002@{at}>\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.1.13 no reason phrase",
        "SIP/2.0 100 \nVia: SIP/2.0/{way} 127.0.0.1:5060;branch=z9hG4bK{id}\nCall-ID: {id}@peer\nCSeq: 35 INVITE\n\
         From: <sip:1001@127.0.0.1>;tag=a\nTo: <sip:2002@{at}>;tag=b\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.1 separators without anything between",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: <sip:2002@{at}>;tag=x{id}\nMax-Forwards: 7\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};;,;,,\nContact: \"Eva\" <sip:eva@{at}>;;;;\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.2 a length beyond the end",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: <sip:1001@127.0.0.1>\nFrom: <sip:2002@{at}>;tag=c{id}\nMax-Forwards: 80\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:2002@{at}>\nContent-Type: application/sdp\n\
         Content-Length: 7000\n\nv=0\n",
        Survives,
    ),
    (
        "3.1.2.3 a negative length",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nMax-Forwards: 254\nTo: sip:1001@127.0.0.1\nFrom: sip:2002@{at};tag=n{id}\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:2002@{at}>\nContent-Type: application/sdp\n\
         Content-Length: -999\n\nv=0\n",
        Survives,
    ),
    (
        "3.1.2.4 numbers too large, of a request",
        "REGISTER sip:127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id};ttl=99999999999999999999;rport=123456789012\n\
         To: <sip:1001@127.0.0.1>\nFrom: <sip:2002@{at}>;tag=o{id}\nCall-ID: {id}@peer\nCSeq: 99999999999999999999 REGISTER\n\
         Max-Forwards: 300\nExpires: 77777777777777777777777777777\nContact: <sip:2002@{at}:99999999999>\n ;expires=999999999999999;q=9.9e99\n\
         Content-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.5 numbers too large, of an answer",
        "SIP/2.0 503 Service Unavailable\nVia: SIP/2.0/{way} 127.0.0.1:5060;branch=z9hG4bK{id};received=999.999.999.999\nTo: <sip:1001@127.0.0.1>;tag=1\n\
         From: <sip:2002@{at}>;tag=2\nCall-ID: {id}@peer\nCSeq: 88888888888888888888 OPTIONS\nRetry-After: 66666666666666666666666\n\
         Warning: 7777 somewhere \"too many digits\"\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.6 a quote that does not end",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: \"Anna, and no <sip:1001@127.0.0.1>\nFrom: sip:caller@{at};tag=q{id}\nMax-Forwards: 10\n\
         Call-ID: {id}@peer\nContact: <sip:caller@{at}>\nCSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.7 the called address in brackets",
        "INVITE <sip:1001@127.0.0.1> SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=b{id}\nMax-Forwards: 23\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:caller@{at}>\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.8 spaces in the called address",
        "INVITE sip:1001@127.0.0.1; lr SIP/2.0\nTo: sip:1001@127.0.0.1;tag=3\nFrom: sip:caller@{at};tag=w{id}\nMax-Forwards: 70\n\
         Call-ID: {id}@peer\nCSeq: 2000000000 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:caller@{at}>\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.9 more than one space in the first line",
        "INVITE  sip:1001@127.0.0.1  SIP/2.0\nMax-Forwards: 8\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=l{id}\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:caller@{at}>\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.10 spaces behind the first line",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0  \nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=t{id}\n\
         Call-ID: {id}@peer\nCSeq: 8 OPTIONS\nMax-Forwards: 0000000000000000070\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.11 headers in the called address",
        "INVITE sip:1001@127.0.0.1?Route=%3Csip:example.com%3E SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=h{id}\n\
         Max-Forwards: 7\nContact: <sip:caller@{at}>\nCall-ID: {id}@peer\nCSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.12 a time zone that is none",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: <sip:1001@127.0.0.1>\nFrom: <sip:caller@{at}>;tag=z{id}\nMax-Forwards: 7\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nDate: Mon, 02 Mar 2026 08:00:00 MSK\nContact: <sip:caller@{at}>\n{sdp}",
        Rings,
    ),
    (
        "3.1.2.13 an address that should be in brackets",
        "REGISTER sip:127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:1001@{at};tag=r{id}\nMax-Forwards: 70\nCall-ID: {id}@peer\n\
         CSeq: 8 REGISTER\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: sip:1001@{at}?Route=%3Csip:p.example%3E\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.14 spaces within an address",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nMax-Forwards: 70\nFrom: \"Petrov, Ivan\" <sip: i.petrov@{at} >;tag=a{id}\n\
         To: \"Orlova, Anna\" < sip:a.orlova@127.0.0.1 >\nCall-ID: {id}@peer\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.15 a name that would need quotes",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nMax-Forwards: 70\nFrom: Petrov, Ivan <sip:i.petrov@{at}>;tag=y{id}\n\
         To: Orlova, Anna <sip:a.orlova@127.0.0.1>\nCall-ID: {id}@peer\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.16 a version that does not exist",
        "OPTIONS sip:1001@127.0.0.1 SIP/7.0\nVia: SIP/7.0/{way} {at};branch=z9hG4bK{id}\nMax-Forwards: 70\nFrom: <sip:caller@{at}>;tag=7{id}\n\
         To: <sip:1001@127.0.0.1>\nCall-ID: {id}@peer\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.17 another method in CSeq",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=o{id}\nMax-Forwards: 6\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.1.2.18 an unknown method, another in CSeq",
        "UNHEARD sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=n{id}\nMax-Forwards: 6\nCall-ID: {id}@peer\n\
         CSeq: 8 INVITE\nContact: <sip:caller@{at}>\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n{sdp}",
        Survives,
    ),
    (
        "3.1.2.19 a status beyond all",
        "SIP/2.0 4294967296 beyond all\nVia: SIP/2.0/{way} 127.0.0.1:5060;branch=z9hG4bK{id}\nCall-ID: {id}@peer\n\
         CSeq: 774 INVITE\nFrom: <sip:user@127.0.0.1>;tag=3\nTo: <sip:user@{at}>;tag=2\nContact: <sip:user@{at}>\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.2.1 a branch that is only the cookie",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=b{id}\nMax-Forwards: 87\nCall-ID: {id}@peer\n\
         CSeq: 8 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.1 what must be there is not",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nCSeq: 775 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n{sdp}",
        Survives,
    ),
    (
        "3.3.2 a scheme that nobody knows",
        "OPTIONS unheard-of:anything SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=s{id}\nMax-Forwards: 3\n\
         Call-ID: {id}@peer\nCSeq: 8 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.3 a scheme that is known and strange",
        "OPTIONS gopher://192.0.2.9:70 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=p{id}\nMax-Forwards: 70\n\
         Call-ID: {id}@peer\nCSeq: 8 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.4 unknown schemes in headers",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: urn:isbn:0000000000\nFrom: <https://www.example>;tag=k{id}\nP-Asserted-Identity: <gopher://192.0.2.9>\n\
         Remote-Party-ID: <person:eva>\nCall-ID: {id}@peer\nCSeq: 776 INVITE\nMax-Forwards: 70\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\n\
         Contact: <person:eva_b>\n{sdp}",
        Survives,
    ),
    (
        "3.3.5 extensions that are demanded",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: <sip:caller@{at}>;tag=e{id}\nMax-Forwards: 70\nCall-ID: {id}@peer\n\
         CSeq: 8 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nRequire: x-one, x-two\n\
         Proxy-Require: x-three, x-four\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.6 a body of an unknown type",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nContact: <sip:caller@{at}>\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=u{id}\nMax-Forwards: 5\n\
         Call-ID: {id}@peer\nCSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContent-Type: application/x-unheard-of\nContent-Length: 4\n\nabcd",
        Survives,
    ),
    (
        "3.3.7 a scheme of authorization that nobody knows",
        "OPTIONS sip:127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:desk@{at};tag=a{id}\nMax-Forwards: 8\nCall-ID: {id}@peer\n\
         CSeq: 8 OPTIONS\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nAuthorization: Unheard of=it\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.8 twice what may be once",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nContact: <sip:caller@{at}>\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nVia: SIP/2.0/{way} {at};branch=z9hG4bKx{id}\n\
         To: sip:1001@127.0.0.1;tag=a\nTo: sip:other@127.0.0.1\nFrom: sip:caller@{at};tag=1{id}\nFrom: sip:other@{at};tag=2{id}\n\
         Call-ID: {id}@peer\nCall-ID: x{id}@peer\nCSeq: 5 INVITE\nCSeq: 59 INVITE\nMax-Forwards: 70\nMax-Forwards: 3\n{sdp}",
        Survives,
    ),
    (
        "3.3.9 two lengths",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nMax-Forwards: 70\nTo: sip:1001@127.0.0.1\n\
         From: sip:caller@{at};tag=l{id}\nCall-ID: {id}@peer\nCSeq: 8 OPTIONS\nContent-Length: 13\nContent-Length: 5\n\nwhich is it?!?",
        Survives,
    ),
    (
        "3.3.10 an answer that is to go to everybody",
        "SIP/2.0 200 OK\nVia: SIP/2.0/{way} 255.255.255.255;branch=z9hG4bK{id}\nVia: SIP/2.0/{way} {at};branch=z9hG4bKb{id}\nCall-ID: {id}@peer\n\
         CSeq: 774 INVITE\nFrom: <sip:1001@127.0.0.1>;tag=3\nTo: <sip:2002@{at}>;tag=2\nContact: <sip:2002@{at}>\n{sdp}",
        Survives,
    ),
    (
        "3.3.11 no hop left",
        "OPTIONS sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:caller@{at};tag=z{id}\nCall-ID: {id}@peer\nCSeq: 8 OPTIONS\n\
         Via: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nMax-Forwards: 0\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.14 a registration with a header in the address",
        "REGISTER sip:127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:user@{at};tag=g{id}\nMax-Forwards: 70\nCall-ID: {id}@peer\n\
         CSeq: 772 REGISTER\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nContact: <sip:user@{at}?Route=%3Csip:p.example%3E>;;x\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "3.3.15 nothing of what we could answer is wanted",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nContact: <sip:caller@{at}>\nFrom: sip:caller@{at};tag=n{id}\nMax-Forwards: 5\n\
         Call-ID: {id}@peer\nCSeq: 8 INVITE\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nAccept: text/x-unheard-of\n{sdp}",
        Survives,
    ),
    (
        "3.4.1 as of old: no tag, no branch, no length",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nTo: sip:1001@127.0.0.1\nFrom: sip:old@{at}\nCall-ID: {id}@peer\nCSeq: 1 INVITE\nVia: SIP/2.0/{way} {at}\n\
         Contact: <sip:old@{at}>\nContent-Type: application/sdp\n\nv=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4100 RTP/AVP 0\n",
        Survives,
    ),
    (
        "one slash",
        "OPTIONS sip:/127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nTo: <sip:/>\nFrom: <sip:/@/>;tag=1{id}\nCall-ID: {id}@peer\nCSeq: 1 OPTIONS\nContact: <sip:/>\nContent-Length: 0\n\n",
        Survives,
    ),
    (
        "one slash, called",
        "INVITE sip:/1001 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nTo: <sip:/1001>\nFrom: <sip:/2002>;tag=1{id}\nP-Asserted-Identity: <sip:/>\nCall-ID: {id}@peer\nCSeq: 1 INVITE\nMax-Forwards: 1\nContact: <sip:/x@{at}>\n{sdp}",
        Survives,
    ),
    (
        "an address of nothing",
        "INVITE sip: SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nTo: <>\nFrom: <>;tag=1{id}\nP-Asserted-Identity: <\nRemote-Party-ID: >\nCall-ID: {id}@peer\nCSeq: 1 INVITE\nContact: *\n{sdp}",
        Survives,
    ),
    (
        "identities that are none",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nTo: <sip:1001@127.0.0.1>\nFrom: <sip:2002@{at}>;tag=i{id}\nP-Asserted-Identity: \"\nP-Asserted-Identity: <tel:\nRemote-Party-ID: \"\\\nReason: Q.850;cause=\nAlert-Info: <\nCall-Info: ;answer-after=-1\nCall-ID: {id}@peer\nCSeq: 1 INVITE\nMax-Forwards: 70\nContact: <sip:2002@{at}>\n{sdp}",
        Survives,
    ),
    (
        "not UTF-8",
        "INVITE sip:1001@127.0.0.1 SIP/2.0\nVia: SIP/2.0/{way} {at};branch=z9hG4bK{id}\nTo: <sip:1001@127.0.0.1>\nFrom: \"{raw}\" <sip:20{raw}02@{at}>;tag=i{id}\nCall-ID: {id}@peer\nCSeq: 1 INVITE\nMax-Forwards: 70\nContact: <sip:2002@{at}>\n{sdp}",
        Survives,
    ),
];

/// As it goes over the wire.
pub fn on_the_wire(text: &str, at: &str, way: &str, id: &str) -> Vec<u8> {
    let sdp = super::peer::sdp("0", "a=rtpmap:0 PCMU/8000\r\n");
    let with_length = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    let text = text
        .replace('\n', "\r\n")
        .replace("{sdp}", &with_length)
        .replace("{at}", at)
        .replace("{way}", way)
        .replace("{id}", id);
    // No text of Rust can hold these.
    let mut bytes = Vec::new();
    for (n, part) in text.split("{raw}").enumerate() {
        if n > 0 {
            bytes.extend([0xff, 0xfe, 0xc3, 0x28, 0x80]);
        }
        bytes.extend(part.as_bytes());
    }
    bytes
}
