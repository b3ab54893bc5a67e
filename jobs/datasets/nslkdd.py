"""What NSL-KDD says of a network connection: its 41 features, its attacks, and the five classes they fall into.

Source: Tavallaee, Bagheri, Lu and Ghorbani, A Detailed Analysis of the KDD CUP 99 Data Set, CISDA 2009. A line is 41
features, a label, and how many of 21 classifiers knew it (the difficulty, which is no feature), with commas between.
"""

FEATURES = {
    "duration": "bigint",
    "protocol_type": "string",
    "service": "string",
    "flag": "string",
    "src_bytes": "bigint",
    "dst_bytes": "bigint",
    "land": "bigint",
    "wrong_fragment": "bigint",
    "urgent": "bigint",
    "hot": "bigint",
    "num_failed_logins": "bigint",
    "logged_in": "bigint",
    "num_compromised": "bigint",
    "root_shell": "bigint",
    "su_attempted": "bigint",
    "num_root": "bigint",
    "num_file_creations": "bigint",
    "num_shells": "bigint",
    "num_access_files": "bigint",
    "num_outbound_cmds": "bigint",
    "is_host_login": "bigint",
    "is_guest_login": "bigint",
    "count": "bigint",
    "srv_count": "bigint",
    "serror_rate": "double",
    "srv_serror_rate": "double",
    "rerror_rate": "double",
    "srv_rerror_rate": "double",
    "same_srv_rate": "double",
    "diff_srv_rate": "double",
    "srv_diff_host_rate": "double",
    "dst_host_count": "bigint",
    "dst_host_srv_count": "bigint",
    "dst_host_same_srv_rate": "double",
    "dst_host_diff_srv_rate": "double",
    "dst_host_same_src_port_rate": "double",
    "dst_host_srv_diff_host_rate": "double",
    "dst_host_serror_rate": "double",
    "dst_host_srv_serror_rate": "double",
    "dst_host_rerror_rate": "double",
    "dst_host_srv_rerror_rate": "double",
}
"""Name and type, in the order of a line. Rates are from 0 to 1."""

SYMBOLIC = [name for name, kind in FEATURES.items() if kind == "string"]
RATES = [name for name, kind in FEATURES.items() if kind == "double"]
FLAGS = ("land", "logged_in", "root_shell", "is_host_login", "is_guest_login")
PROTOCOLS = ("tcp", "udp", "icmp")

NORMAL = "normal"
CLASSES = (NORMAL, "dos", "probe", "r2l", "u2r")
KNOWN = {
    "dos": ["back", "land", "neptune", "pod", "smurf", "teardrop"],
    "probe": ["ipsweep", "nmap", "portsweep", "satan"],
    "r2l": ["ftp_write", "guess_passwd", "imap", "multihop", "phf", "spy", "warezclient", "warezmaster"],
    "u2r": ["buffer_overflow", "loadmodule", "perl", "rootkit"],
}
"""The 22 attacks of the training set, by class."""

NEW = {
    "dos": ["apache2", "mailbomb", "processtable", "udpstorm"],
    "probe": ["mscan", "saint"],
    "r2l": ["httptunnel", "named", "sendmail", "snmpgetattack", "snmpguess", "worm", "xlock", "xsnoop"],
    "u2r": ["ps", "sqlattack", "xterm"],
}
"""The 17 attacks that only the test set has: known here to judge by, never to train with."""

CLASS_OF = {NORMAL: NORMAL} | {
    attack: name for each in (KNOWN, NEW) for name, attacks in each.items() for attack in attacks
}
