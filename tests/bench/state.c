/* Is a snapshot proportional to what changed? state [MEGABYTES] [EPOCHS]
 *
 * A map of so many megabytes is put in one epoch; then each epoch touches one entry in a hundred. Tells what each
 * snapshot writes, how long it takes, what the merges write besides, and looks at the end whether all is there.
 * Exit 1: a snapshot wrote 3% of the state or more. In a folder of its own below /tmp, which it takes away. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "state/members.h"
#include "state/state.h"

enum { KEY = 16, VALUE = 84, SHARE = 100 };
static const enum state_kind tables[] = {STATE_MAP};

static void must(bool ok, const struct err *e) {
    if (ok) return;
    fprintf(stderr, "state: %s\n", e->text);
    exit(1);
}

static void put(struct state *s, uint64_t i, uint64_t epoch) {
    char key[KEY + 1], value[VALUE];
    struct err e;
    snprintf(key, sizeof key, "%016" PRIx64, i);
    memset(value, (int)('a' + epoch % 26), sizeof value);
    struct state_entry entry = {.time = 0, .key = {key, KEY}, .value = {value, VALUE}};
    must(state_put(s, &entry, &e), &e);
}

struct seen {
    uint64_t n, touched;
    char newest;
};

static bool load(void *ctx, const struct state_entry *entry, struct err *e) {
    struct seen *seen = ctx;
    (void)e;
    seen->n++;
    seen->touched += entry->value.n == VALUE && *entry->value.p == seen->newest;
    return true;
}

int main(int argc, char **argv) {
    uint64_t megabytes = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    uint64_t epochs = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
    uint64_t entries = megabytes * 1000000 / (KEY + VALUE), touched = 0;
    char folder[] = "/tmp/evutils-state-XXXXXX";
    struct err e;
    if (!mkdtemp(folder)) return perror(folder), 1;
    struct state_options o = {open(folder, O_RDONLY | O_DIRECTORY), tables, 1, 0};
    struct state *s = state_open(&o, 0, load, NULL, &e);
    must(s, &e);
    for (uint64_t i = 0; i < entries; i++) put(s, i, 1);
    must(state_snapshot(s, 1, members_new(), &e), &e);
    uint64_t before = state_figures(s).snapshot_bytes, all = state_bytes(s), most = 0;
    int64_t slowest = 0;
    for (uint64_t epoch = 2; epoch <= epochs + 1; epoch++) {
        for (uint64_t i = epoch * 37 % SHARE; i < entries; i += SHARE) put(s, i, epoch), touched++;
        int64_t began = clock_us(CLOCK_MONOTONIC);
        must(state_snapshot(s, epoch, members_new(), &e), &e);
        int64_t took = clock_us(CLOCK_MONOTONIC) - began;
        uint64_t wrote = state_figures(s).snapshot_bytes - before;
        before += wrote;
        if (wrote > most) most = wrote;
        if (took > slowest) slowest = took;
        state_release(s, epoch);
    }
    state_settle(s);
    struct state_figures f = state_figures(s);
    double share = (double)most / (double)all;
    printf("%.0f MB of state, 1%% touched in each of %" PRIu64
           " epochs: a snapshot writes at most %.2f%%, "
           "and takes at most %.0f ms\n",
        (double)all / 1e6, epochs, 100 * share, (double)slowest / 1e3);
    printf("%" PRIu64 " merges wrote %.0f MB besides the snapshots' %.0f MB\n", f.merges,
        (double)f.merge_bytes / 1e6, (double)(f.snapshot_bytes - all) / 1e6);
    state_close(s);
    struct seen seen = {.newest = (char)('a' + (epochs + 1) % 26)};
    int64_t began = clock_us(CLOCK_MONOTONIC);
    s = state_open(&o, epochs + 1, load, &seen, &e);
    must(s, &e);
    printf("restored %" PRIu64 " entries in %.1f s\n", seen.n,
        (double)(clock_us(CLOCK_MONOTONIC) - began) / 1e6);
    state_close(s);
    struct buf remove = {0};
    buf_printf(&remove, "rm -r %s%c", folder, 0);
    bool gone = system(remove.p) == 0;
    buf_free(&remove);
    bool right = seen.n == entries && seen.touched >= touched / epochs;
    if (!right) printf("WRONG: %" PRIu64 " entries were put\n", entries);
    if (share >= 0.03) printf("must: less than 3%%: MISSED\n");
    return right && gone && share < 0.03 ? 0 : 1;
}
