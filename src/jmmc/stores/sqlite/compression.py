"""Compresses JSON of summaries, rollups and incidents. MongoDB compresses what it writes itself.

A dictionary has what nearly every one of them contains, so that even a short one becomes a sixth. A
stream names the dictionary that it needs, so a dictionary of stored data must never change: a
better one is added, and used for new data.
"""

import zlib

_LEVEL = 6  # Level 9 takes twice as long for 1 % less.
_QUICK_LEVEL = 1  # Half of the time, for a quarter more.

SUMMARIES = (
    b'"senders":[["0a1b2c3d",120,12.5,8.1,null,null]],"error":"disconnected","abandoned","refused",'
    b'"failed","no_media","dropped","rejoined","connection_lost","ice_failed","password_required",'
    b'"Safari 18","Edge 131","Firefox 13","iOS 18","Android 14","Ubuntu","Linux","macOS 15",'
    b'"Windows 10","codec":"opus","codec":"H264","codec":"VP8","codec":"AV1","transport":"p2p",'
    b'"transport":"relay","transport":"tcp","region":"us-west","region":"us-east",'
    b'"region":"eu-central","region":"ap-south","region":"ap-northeast","bridge":"jvb-1.example.org"'
    b',"restored"],[1790000000,"interrupted"],[1790000000,"path"],[1790000000,"jvb"],[1790000000,'
    b'"p2p"],[1790000000,"muted_video"],[1790000000,"unmuted_video"],[1790000000,"muted_audio"],'
    b'[1790000000,"unmuted_audio"]],'
    b'"spells":[{"start":1790000000,"end":1790000060,"grade":2,"reasons":{"quality":120,"rtt":60,'
    b'"jitter":20,"loss":60,"concealed":60,"frozen":60,"bandwidth":60,"cpu":60,"interrupted":60},'
    b'"signs":{"delay":60,"media":60,"down":60,"up":60,"machine":60,"narrow":60,"cut":60},'
    b'"senders":{"0a1b2c3d":60}},{"start":1790000000,"end":1790000060,"grade":3,'
    b'"reasons":{"rtt":10},"signs":{"delay":10},"senders":{}}],'
    b'"segments":[[1790000000,1790000060,{"transport":"p2p","codec":"VP9","bridge":"","region":""}]'
    b',[1790000000,1790000060,{"transport":"udp","bridge":"198.51.100.1"}],'
    b'{"session":"0123456789abcdef01234567","conf":"room","uid":"01234567-89ab-4cde-8f01-23456789ab'
    b'cd","began":1790000000,"ended":1790003600,"last":1790003600,"running":true,"left":false,'
    b'"running":false,"left":true,"samples":100,"holes":0,"formula":"5-experience",'
    b'"formula":"5-jitsi","good":3600,"fair":0,"poor":0,"unknown":0,"worst_minute":[1790000000,1.0]'
    b',"worst_minute":[1790000000,0.0],"quantiles":{"quality":[100,100,100],"rtt_ms":[20,40,60],'
    b'"down_loss_percent":[0,0,0],"up_loss_percent":[0,0,0],"down_jitter_ms":[4,4,5],'
    b'"down_video_kbps":[920,960,1000],"up_video_kbps":[1400,1440,1500],'
    b'"up_bandwidth_kbps":[3240,3360,3480],"down_frozen_percent":[0,0,0],'
    b'"down_audio_loss_percent":[0,0,0],"up_audio_loss_percent":[0,0,0],"mos":[4.37,4.38,4.39]},'
    b'"reasons":{},"spells":[],"lane":[[1790000000,1790000060,1],[1790000060,1790000120,2],'
    b'[1790000120,1790000180,3],[1790000180,1790000240,1]],"browser":"Chrome 131","os":"Windows 11"'
    b',"region":"eu-west","network":"203.0.113.0/24","transport":"udp","codec":"VP9",'
    b'"relay_share":0.0,"tcp_share":0.0,"p2p_share":0.0,"address":"203.0.113.1","participant":"",'
    b'"meeting":"","happenings":[],"provider":"","country":"","segments":[],"bridge":"198.51.100.1"'
    b',"outcome":"joined","failure":"","setup":{"ask":1000,"join":500,"ice":300,"media":300},'
    b'"senders":[],"name":"","code":"","microphone":"","camera":"","speaker":"","rating":null,'
    b'"rating_reason":""}'
)
"""The dictionary of summaries and rollups."""

INCIDENTS = (
    b'"transport","value":"relay","transport","value":"tcp","transport","value":"p2p","kind":'
    b'"device","verdict":"not enough data","verdict":"unclear","verdict":"tie","ties":[0,1],'
    b'"missing":["other end","record"],"name":"sign machine","name":"sign narrow","name":'
    b'"other calls","numbers":{"share":0.1,"calls":0}},{"name":"sign up","numbers":{}},{"name":'
    b'"at once","numbers":{"bad":0,"known":0,"others_bad":0,"others_known":0,"at_once":0}},{"name":'
    b'"sign cut","numbers":{}},{"name":"record","numbers":{"share":0.0,"others_share":0.0}},'
    b'{"name":"sign delay","numbers":{}},{"name":"sender","numbers":{}},{"name":"sign down",'
    b'"numbers":{}},{"name":"events","numbers":{}}],"value":"Safari 18","value":"Edge 131","value":'
    b'"Firefox","value":"iOS 18","value":"Android 14","value":"Linux","value":"macOS 15","value":'
    b'"us-east","value":"eu-central","value":"ap-south","reasons":{"cpu":10,"interrupted":10,'
    b'"quality":10,"bandwidth":10,"concealed":10,"frozen":10,"rtt":10,"loss":10,"mos":10,'
    b'"quality":10},{"id":"i0123456789abcdef","start":1790000000,"end":1790000060,"running":true,'
    b'"running":false,"grade":2,"grade":3,"people":1,"meetings":1,"sessions":1,"seconds":10,'
    b'"reasons":{"frozen":10},"answer":{"verdict":"likely","causes":[{"kind":"machine","value":"",'
    b'"probability":0.5,"bad":0,"known":0,"others_bad":1,"others_known":10,"facts":[{"name":'
    b'"sign media","numbers":{}}]},{"kind":"other end","value":"","probability":0.1,"bad":0,'
    b'"known":0,"others_bad":1,"others_known":10,"facts":[{"name":"named","numbers":{}}]},{"kind":'
    b'"line","value":"down","probability":0.9,"bad":0,"known":10,"others_bad":1,"others_known":10,'
    b'"facts":[{"name":"others","numbers":{"bad":0,"known":10,"others_bad":1,"others_known":10,'
    b'"at_once":1}}]},{"kind":"chance","value":"","probability":0.1,"bad":0,"known":0,"others_bad":'
    b'0,"others_known":10,"facts":[{"name":"nobody else","numbers":{"bad":0,"known":0,"others_bad":'
    b'0,"others_known":10,"at_once":0}}]},{"kind":"network","value":"203.0.113.0/24","probability":'
    b'0.01,"bad":0,"known":0,"others_bad":1,"others_known":10,"facts":[{"name":"group","numbers":{'
    b'"bad":0,"known":0,"others_bad":1,"others_known":10,"at_once":0}}]}],"ties":[],"missing":[],'
    b'"sides":{"participant":0.99,"network":0.01,"server":0.01,"other participant":0.01,"software":'
    b'0.01},"version":5},"shares":[{"kind":"meeting","value":"room","affected":0,"known":0,'
    b'"others_affected":1,"others_known":10},{"kind":"network","value":"198.51.100.0/24",'
    b'"affected":0,"known":0,"others_affected":1,"others_known":10},{"kind":"provider","value":"AS6'
    b'4500","affected":0,"known":10,"others_affected":1,"others_known":10},{"kind":"bridge",'
    b'"value":"jvb-1.example.org","affected":1,"known":10,"others_affected":1,"others_known":10},'
    b'{"kind":"region","value":"eu-west","affected":1,"known":10,"others_affected":1,'
    b'"others_known":10},{"kind":"browser","value":"Chrome 131","affected":0,"known":10,'
    b'"others_affected":1,"others_known":10},{"kind":"browser","value":"Chrome","affected":0,'
    b'"known":10,"others_affected":1,"others_known":10},{"kind":"os","value":"Windows 11",'
    b'"affected":0,"known":10,"others_affected":1,"others_known":10},{"kind":"service","value":"",'
    b'"affected":1,"known":10,"others_affected":0,"others_known":1}],"worst_meetings":[["room",'
    b'"0123456789abcdef01234567",1,10]],"worst_sessions":[["0123456789abcdef01234567",1790000000,'
    b'1790000060,3,10]],"names":{"0123456789abcdef01234567":"01234567"}},[{"hour":1790000000,'
    b'"start":1790000000,"end":1790000060,"is_open":true,"is_open":false,"grade":3,"seconds":10,'
    b'"reasons":{"frozen":10},"people":[["0123456789ab"],0],"meetings":[["0123456789ab"],0],'
    b'"sessions":[["0123456789ab"],0],"weights":[["person","01234567-89ab-4cde-8f01-23456789abcd",'
    b'0.99]],"answer":,"networks":[["203.0.113.0/24",10]],"beginnings":[],"problems":[['
    b'"0123456789ab"],0],"person_of":{"0123456789abcdef01234567":"0123456789ab"}}]]'
)
"""The dictionary of incidents."""

_BY_CHECKSUM = {zlib.adler32(dictionary): dictionary for dictionary in (SUMMARIES, INCIDENTS)}


def compress(content: bytes, dictionary: bytes = SUMMARIES, *, quick: bool = False) -> bytes:
    """Compress JSON, with the dictionary of its kind; `quick` what is soon replaced."""
    compressor = zlib.compressobj(_QUICK_LEVEL if quick else _LEVEL, zdict=dictionary)
    return compressor.compress(content) + compressor.flush()


def decompress(compressed: bytes) -> bytes:
    """Return what `compress` has compressed. Raises `ValueError` for anything else."""
    dictionary = _BY_CHECKSUM.get(int.from_bytes(compressed[2:6], "big"))
    if dictionary is None:
        raise ValueError("not compressed by this version, or damaged")
    decompressor = zlib.decompressobj(zdict=dictionary)
    try:
        content = decompressor.decompress(compressed)
    except zlib.error as error:
        raise ValueError(f"damaged: {error}") from error
    if not decompressor.eof:
        raise ValueError("damaged: its end is missing")
    return content
