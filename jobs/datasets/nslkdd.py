"""What NSL-KDD says of a network connection: its 41 features, its attacks, and the five classes they fall into.

Source: Tavallaee, Bagheri, Lu and Ghorbani, A Detailed Analysis of the KDD CUP 99 Data Set, CISDA 2009. A line is 41
features, a label, and how many of 21 classifiers knew it (the difficulty, which is no feature), with commas between.
"""

SYMBOLIC = ("protocol_type", "service", "flag")
WHOLE = (
    "duration,src_bytes,dst_bytes,land,wrong_fragment,urgent,hot,num_failed_logins,logged_in,num_compromised,"
    "root_shell,su_attempted,num_root,num_file_creations,num_shells,num_access_files,num_outbound_cmds,is_host_login,"
    "is_guest_login,count,srv_count,dst_host_count,dst_host_srv_count"
).split(",")
FEATURES = (
    "duration,protocol_type,service,flag,src_bytes,dst_bytes,land,wrong_fragment,urgent,hot,num_failed_logins,"
    "logged_in,num_compromised,root_shell,su_attempted,num_root,num_file_creations,num_shells,num_access_files,"
    "num_outbound_cmds,is_host_login,is_guest_login,count,srv_count,serror_rate,srv_serror_rate,rerror_rate,"
    "srv_rerror_rate,same_srv_rate,diff_srv_rate,srv_diff_host_rate,dst_host_count,dst_host_srv_count,"
    "dst_host_same_srv_rate,dst_host_diff_srv_rate,dst_host_same_src_port_rate,dst_host_srv_diff_host_rate,"
    "dst_host_serror_rate,dst_host_srv_serror_rate,dst_host_rerror_rate,dst_host_srv_rerror_rate"
).split(",")
RATES = tuple(each for each in FEATURES if each.endswith("_rate"))
FLAGS = ("land", "logged_in", "root_shell", "is_host_login", "is_guest_login")
PROTOCOLS = ("tcp", "udp", "icmp")

NORMAL = "normal"
CLASSES = (NORMAL, "dos", "probe", "r2l", "u2r")
KNOWN = {
    "dos": "back land neptune pod smurf teardrop".split(),
    "probe": "ipsweep nmap portsweep satan".split(),
    "r2l": "ftp_write guess_passwd imap multihop phf spy warezclient warezmaster".split(),
    "u2r": "buffer_overflow loadmodule perl rootkit".split(),
}
"""The 22 attacks of the training set, by class."""

NEW = {
    "dos": "apache2 mailbomb processtable udpstorm".split(),
    "probe": "mscan saint".split(),
    "r2l": "httptunnel named sendmail snmpgetattack snmpguess worm xlock xsnoop".split(),
    "u2r": "ps sqlattack xterm".split(),
}
"""The 17 attacks that only the test set has; no training may see one."""

CLASS_OF = {NORMAL: NORMAL} | {attack: name for each in (KNOWN, NEW) for name, these in each.items() for attack in these}
