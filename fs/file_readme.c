/* README: what is here, by what rule, and how to pipe it. */
#include "fs/kind.h"

static const char text[] =
    "This is an AWS organization's cost and usage data as files, mounted by ctfs. It is read-only but for `connect`.\n"
    "\n"
    "  connect           write key=value pairs to connect a customer; read it for the next step\n"
    "  status            first line ok, degraded or unconnected; then ages, failures, requests and who pays for them\n"
    "  status.json       the same for programs\n"
    "  accounts.tsv      id, name, email, state, path of organizational units, joined; one line an account\n"
    "  accounts/ID/      account.json name email state joined parent tags.json\n"
    "  organization/     the root and its units as folders, accounts in them as links; by-name/ has every account\n"
    "  cur/2026-11/      report.csv (the whole month, one header line) manifest.json columns.tsv month.json\n"
    "  cur/latest        the newest month delivered; cur/previous, the calendar month before it\n"
    "  raw/2026-11/      the objects as AWS delivered them, byte for byte: what to back up\n"
    "  resources/ec2/ACCOUNT/REGION/ID/    instance.json state type tags.json\n"
    "  policies/         what the role grants, what was tried, what has to be attached\n"
    "\n"
    "Listed nowhere, found by name: views/2026-11/parts/, the month's parts decompressed one by one. What needs a\n"
    "whole pass or repeats records lies under views/, so that `find`, `cp -r`, `grep -r` and backups of this tree "
    "meet\n"
    "every record once as text in cur/ (raw/ is the same bytes, compressed). The mount option views=listed lists it.\n"
    "\n"
    "Rules: months are UTC billing periods, and all times are UTC. IDs are text: they may begin with 0. A name that\n"
    "cannot be a file's name is percent-encoded; names that clash all get their ID behind a dot. The size of a report\n"
    "is the declared one until a whole read has proven it; a read that finds it wrong fails, and the next is right.\n"
    "A file whose content changes keeps its inode number; who has it open keeps the old bytes.\n"
    "\n"
    "Pipelines (awk cannot read quoted commas; ctfs tsv writes tab-separated values):\n"
    "\n"
    "  export LC_ALL=C    # where a comma is the decimal point, awk takes 0.5 for 0 otherwise\n"
    "  ctfs tsv cur/latest/report.csv | head -3\n"
    "  ctfs tsv cur/latest/report.csv | awk -F'\\t' '\n"
    "    NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }\n"
    "    { cost[$c[\"lineItem/ProductCode\"]] += $c[\"lineItem/UnblendedCost\"] }\n"
    "    END { for (s in cost) printf \"%12.2f %s\\n\", cost[s], s }' | sort -rn\n"
    "  cut -f1,2 accounts.tsv\n"
    "  jq -r .InstanceType resources/ec2/*/*/*/instance.json | sort | uniq -c\n"
    "\n"
    "getfattr -n user.ctfs.s3_uri (or .etag) says which object a file of raw/ or views/ is, .size whether a size is\n"
    "declared or verified, .fetched_at how old what any file shows is.\n";

static errint render(struct fs_ask *a, const struct fs_place *p, struct buf *ret, int64_t *ret_floor_ns)
{
    (void)a;
    (void)p;
    *ret_floor_ns = 0;
    buf_puts(ret, text);
    return buf_error(ret);
}

const struct fs_kind fs_file_readme = {.type = FS_TEXT, .render = render};
