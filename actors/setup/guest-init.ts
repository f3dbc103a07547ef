/**
 * What runs inside the test guest: the init script of its ramdisk and the small scripts beside it.
 *
 * It does what cloud-init would (hostname, addresses, injected files, keys, user data; all from the config drive),
 * and says each thing on the serial console in a line that begins with `kilonova-guest:`, so that a test or a person
 * can follow it. Written for busybox.
 */

import type { CpioEntry } from './cpio-archive.ts';

/** Loaded in this order, each with what it depends on; those built into the kernel are left out. */
export const guestModules = [
  'virtio_pci',
  'virtio_net',
  'virtio_blk',
  'cdrom',
  'isofs',
  'nls_ascii',
  'nls_cp437',
  'nls_iso8859-1',
  'vfat',
  'evdev',
  'button',
] as const;

export const guestKernelArguments =
  'console=ttyS0 quiet loglevel=3 mitigations=off random.trust_cpu=on audit=0 nokaslr panic=1';

/** The first process. It becomes busybox's init, which keeps a shell on the console. */
const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
while read -r module; do insmod "/lib/modules/$module"; done < /lib/modules/order
exec /bin/init
`;

const inittab = `::sysinit:/etc/rc
::ctrlaltdel:/etc/acpi/PWRF/00000080
ttyS0::respawn:-/bin/sh
`;

const rc = String.raw`#!/bin/sh
export PATH=/bin HOME=/root
say() { echo "kilonova-guest: $*"; }

# The config drive: a disk labelled config-2, as Nova makes it.
drive=/drive
for try in 1 2 3 4 5; do
  device=$(findfs LABEL=config-2 2>/dev/null) && break
  sleep 0.1
done
if [ -n "$device" ]; then
  mount -o ro -t iso9660 "$device" $drive 2>/dev/null || mount -o ro -t vfat "$device" $drive ||
    say "cannot mount $device"
else
  say "no config drive"
fi
content=$drive/openstack
metadata=/run/metadata
: > $metadata
[ -f $content/latest/meta_data.json ] && awk -f /etc/json.awk $content/latest/meta_data.json > $metadata
meta() { awk -F '\t' -v key="$1" '$1 == key { print $2; exit }' $metadata; }

hostname=$(meta .hostname)
hostname "${'$'}{hostname:-kilonova-guest}"
hostname > /etc/hostname
say "hostname $(hostname)"

# The network.
ip link set lo up
interfaces=$content$(meta .network_config.content_path)
[ -f "$interfaces" ] || interfaces=$content/content/0000
if grep -q '^[[:space:]]*iface .* inet ' "$interfaces" 2>/dev/null; then
  awk -f /etc/interfaces.awk "$interfaces" | while read -r device method address gateway mtu; do
    [ "$device" = lo ] && continue
    [ "$mtu" = - ] || ip link set "$device" mtu "$mtu"
    ip link set "$device" up || continue
    if [ "$method" = dhcp ]; then
      udhcpc -i "$device" -b -t 3 -T 1 -s /etc/udhcpc.script > /dev/null 2>&1
      continue
    fi
    ip addr add "$address" dev "$device" && say "address $address on $device"
    [ "$gateway" = - ] || ip route add default via "$gateway" dev "$device"
  done
  awk '$1 == "dns-nameservers" { for (i = 2; i <= NF; i++) print "nameserver " $i }' "$interfaces" > /etc/resolv.conf
else
  for path in /sys/class/net/eth*; do
    [ -e "$path" ] || continue
    ip link set "${'$'}{path##*/}" up
    udhcpc -i "${'$'}{path##*/}" -b -t 3 -T 1 -s /etc/udhcpc.script > /dev/null 2>&1
  done
fi

# Injected files.
index=0
while path=$(meta ".files.$index.path") && [ -n "$path" ]; do
  mkdir -p "$(dirname "$path")"
  if cp "$content$(meta ".files.$index.content_path")" "$path"; then
    chmod 644 "$path"
    say "file $path: $(head -n 1 "$path")"
  fi
  index=$((index + 1))
done

# Keys.
mkdir -p /root/.ssh
awk -F '\t' 'index($1, ".public_keys.") == 1 { print $2 }' $metadata > /root/.ssh/authorized_keys
chmod 700 /root/.ssh
chmod 600 /root/.ssh/authorized_keys
while read -r type key comment; do say "key $type $comment"; done < /root/.ssh/authorized_keys

# The disk, when there is one with a file system.
if disk=$(findfs LABEL=root 2>/dev/null) && mount -t ext4 "$disk" /mnt; then
  boots=$(($(cat /mnt/boots 2>/dev/null || echo 0) + 1))
  echo $boots > /mnt/boots
  sync
  say "disk $disk mounted, boot $boots of it"
fi

# Services: power button, web page, and something that answers on the port of ssh.
acpid > /dev/null 2>&1
hostname > /www/index.html
httpd -h /www
nc -ll -p 22 -e /etc/fake-ssh &

if [ "$(head -c 2 $content/latest/user_data 2>/dev/null)" = '#!' ]; then
  cp $content/latest/user_data /run/user-data
  chmod 700 /run/user-data
  # There is no other shell than sh, whatever shell the script names.
  runner=
  head -n 1 /run/user-data | grep -q 'sh' && runner=sh
  $runner /run/user-data 2>&1 < /dev/null | sed 's/^/kilonova-guest: user-data: /' &
fi
say ready
`;

/** Prints one line for each leaf of a JSON text: `.key.0.key`, a tab, the value. */
const jsonAwk = String.raw`{ text = text $0 "\n" }
END { value("") }
function skip() { sub(/^[ \t\r\n]+/, "", text) }
function take(   first) { first = substr(text, 1, 1); text = substr(text, 2); skip(); return first }
function string(   raw) {
  match(text, /^"([^"\\]|\\.)*"/)
  raw = substr(text, 2, RLENGTH - 2)
  text = substr(text, RLENGTH + 1)
  skip()
  gsub(/\\[nrt]/, " ", raw)
  gsub(/\\"/, "\"", raw)
  gsub(/\\\//, "/", raw)
  gsub(/\\\\/, "\\", raw)
  sub(/ +$/, "", raw)
  return raw
}
function value(path,   first, key, count) {
  skip()
  first = substr(text, 1, 1)
  if (first == "{" || first == "[") {
    take()
    count = 0
    while (text != "" && text !~ /^[]}]/) {
      key = count++
      if (first == "{") { key = string(); take() }
      value(path "." key)
      if (text ~ /^,/) take()
    }
    take()
  } else if (first == "\"") {
    print path "\t" string()
  } else if (match(text, /^[^],} \t\r\n]+/)) {
    print path "\t" substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    skip()
  } else {
    text = ""
  }
}
`;

/** Prints one line for each IPv4 stanza of /etc/network/interfaces: device, method, address/length, gateway, mtu. */
const interfacesAwk = String.raw`
$1 == "iface" || $1 == "auto" { flush() }
$1 == "iface" && $3 == "inet" { device = $2; method = $4; address = gateway = mtu = mask = "" }
$1 == "address" && device != "" { address = $2 }
$1 == "netmask" { mask = $2 }
$1 == "gateway" { gateway = $2 }
$1 == "mtu" { mtu = $2 }
END { flush() }
function flush() {
  if (device == "") return
  if (address != "" && address !~ /\//) address = address "/" bits(mask)
  print device, method, or_dash(address), or_dash(gateway), or_dash(mtu)
  device = ""
}
function or_dash(text) { return text == "" ? "-" : text }
function bits(mask,   parts, count, i, part, sum) {
  if (mask !~ /\./) return mask == "" ? 32 : mask
  count = split(mask, parts, ".")
  sum = 0
  for (i = 1; i <= count; i++) for (part = parts[i]; part >= 1; part = int(part / 2)) sum += part % 2
  return sum
}
`;

const udhcpcScript = `#!/bin/sh
case "$1" in
  deconfig) ip addr flush dev "$interface" ;;
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/$mask" dev "$interface"
    for each in $router; do ip route add default via "$each" dev "$interface" 2>/dev/null; done
    for each in $dns; do echo "nameserver $each"; done > /etc/resolv.conf
    [ "$1" = bound ] && echo "kilonova-guest: address $ip/$mask on $interface" > /dev/console
    ;;
esac
`;

const powerButton = `#!/bin/sh
/bin/sync
/bin/umount /mnt 2>/dev/null
exec /bin/poweroff -f
`;

const fakeSsh = `#!/bin/sh
printf 'SSH-2.0-kilonova-guest\\r\\n'
`;

/** The guest's whole root, less busybox and the kernel's modules. */
export function guestFiles(): CpioEntry[] {
  const folders = [
    ...['bin', 'dev', 'drive', 'etc', 'etc/acpi', 'etc/acpi/PWRF', 'lib', 'lib/modules', 'mnt', 'proc'],
    ...['root', 'run', 'sys', 'tmp', 'var', 'var/log', 'var/run', 'www'],
  ];
  const scripts: Record<string, string> = {
    init,
    'etc/inittab': inittab,
    'etc/rc': rc,
    'etc/json.awk': jsonAwk,
    'etc/interfaces.awk': interfacesAwk,
    'etc/udhcpc.script': udhcpcScript,
    'etc/acpi/PWRF/00000080': powerButton,
    'etc/fake-ssh': fakeSsh,
  };
  return [
    ...folders.map((path): CpioEntry => ({ type: 'folder', path })),
    { type: 'device', path: 'dev/console', major: 5, minor: 1 },
    ...Object.entries(scripts).map(
      ([path, content]): CpioEntry => ({ type: 'file', path, content, isExecutable: true }),
    ),
  ];
}
