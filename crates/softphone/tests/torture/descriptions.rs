//! SDP as it must not be: wrong, huge, negative, missing, too many.

/// Descriptions of sound that no phone should send.
pub fn descriptions() -> Vec<String> {
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
    let line = "m=audio 4100 RTP/AVP 0\r\n";
    let mut all: Vec<String> = [
        "",
        "\r\n\r\n",
        "v=0\r\n",
        "v=1\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n",
        "v=0\r\no=\r\ns=\r\nt=\r\nm=\r\n",
        "v=0\r\no=- 99999999999999999999 -1 IN IP4 999.1.2.3\r\ns=-\r\nc=IN IP4 999.1.2.3\r\nt=0 0\r\nm=audio 4100 RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP6 ::::\r\ns=-\r\nc=IN IP6 ::::\r\nt=0 0\r\nm=audio 4100 RTP/AVP 0\r\n",
        "m=audio 4100 RTP/AVP 0\r\nv=0\r\n",
        "=\r\n==\r\na=\r\n:\r\n",
    ]
    .map(str::to_owned)
    .to_vec();
    for media in [
        // No line of sound, ports that are none, formats that are none.
        "",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=audio -1 RTP/AVP 0\r\n",
        "m=audio 65536 RTP/AVP 0\r\n",
        "m=audio 99999999999 RTP/AVP 0\r\n",
        "m=audio 4100/65535 RTP/AVP 0\r\n",
        "m=audio 4100/-1 RTP/AVP 0\r\n",
        "m=audio x RTP/AVP 0\r\n",
        "m=audio 4100\r\n",
        "m=audio 4100 RTP/AVP\r\n",
        "m=audio 4100 RTP/AVP x y z\r\n",
        "m=audio 4100 RTP/AVP -1 128 256 99999999999\r\n",
        "m=audio 4100 NOTHING/KNOWN 0\r\n",
        "m=audio 4100 RTP/SAVP 0\r\n",
        "m=audio 4100 RTP/SAVP 0\r\na=crypto:\r\na=crypto:x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\r\n",
        "m=audio 4100 RTP/SAVP 0\r\na=crypto:99999999999 AES_CM_128_HMAC_SHA1_80 inline:====|2^99|9:9\r\n",
        "m=audio 4100 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 00\r\na=setup:none\r\n",
        "m=image 4100 udptl t38\r\n",
        "m=text 4100 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\nm=video 4102 RTP/AVP 31\r\n",
    ] {
        all.push(format!("{head}{media}"));
    }
    for attribute in [
        "a=rtpmap:\r\n",
        "a=rtpmap:0\r\n",
        "a=rtpmap:0 /\r\n",
        "a=rtpmap:0 PCMU/\r\n",
        "a=rtpmap:0 PCMU/0\r\n",
        "a=rtpmap:0 PCMU/-8000\r\n",
        "a=rtpmap:0 PCMU/4294967296/4294967296\r\n",
        "a=rtpmap:999999 PCMU/8000\r\n",
        "a=rtpmap:-1 PCMU/8000\r\n",
        "a=rtpmap:0 opus/48000/255\r\n",
        "a=fmtp:0\r\na=fmtp:0 \r\na=fmtp:0 ;;;===;\r\na=fmtp:-1 x\r\n",
        "a=ptime:0\r\n",
        "a=ptime:-20\r\n",
        "a=ptime:99999999\r\na=maxptime:-1\r\n",
        "a=rtcp:0\r\na=rtcp:x\r\na=rtcp:99999 IN IP4 999.9.9.9\r\n",
        "a=rtcp-mux\r\na=rtcp-mux\r\na=rtcp-fb:* nack pli\r\n",
        "a=candidate:\r\na=candidate:1 1 UDP 1 999.9.9.9 -1 typ\r\na=ice-ufrag:\r\na=ice-pwd:\r\n",
        "a=candidate:1 9 UDP 99999999999 127.0.0.1 99999 typ host\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n",
        "a=sendrecv\r\na=sendonly\r\na=recvonly\r\na=inactive\r\n",
        "a=ssrc:x cname:\r\na=ssrc:99999999999\r\na=mid:\r\na=group:BUNDLE x y\r\n",
        "b=AS:-1\r\nb=TIAS:99999999999999999999\r\nb=\r\n",
        "k=clear:\r\ni=\r\nz=0 0 0\r\nr=x\r\n",
    ] {
        all.push(format!("{head}{line}{attribute}"));
    }
    for count in [20, 200, 1000] {
        all.push(format!("{head}{}", "m=audio 4100 RTP/AVP 0\r\n".repeat(count)));
        all.push(format!("{head}{line}{}", "a=x\r\n".repeat(count)));
        all.push(format!("{head}m=audio 4100 RTP/AVP{}\r\n", " 0".repeat(count)));
        all.push(format!("{head}{line}a=fmtp:0 {}\r\n", "a=b;".repeat(count)));
        all.push(format!("{head}{}{line}", "b=AS:1\r\n".repeat(count)));
        all.push(format!("{head}{line}{}", "c=IN IP4 127.0.0.1\r\n".repeat(count)));
        all.push(format!("{head}{line}a=rtpmap:0 {}/8000\r\n", "x".repeat(count)));
    }
    all
}
