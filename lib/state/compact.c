#include "state/compact.h"

#include <signal.h>

#include "base/crash.h"
#include "state/merge.h"

/* Runs of like size are merged when there are FAN of them, so an entry is written again once for each FAN-fold of the
 * size, and a table has at most FAN - 1 runs in each of its tiers. CROWD: small runs that lie between large ones. */
enum { FAN = 4, CROWD = 12, MOST = 256, SMALLEST = 4096 };

static unsigned tier_of(uint64_t bytes) {
    unsigned tier = 0;
    for (; bytes > SMALLEST; bytes /= FAN) tier++;
    return tier;
}

/* Merged runs must be neighbours, or an older put would hide a newer one. So a small run that is older than a large
 * one counts to the tier of that. */
bool compaction_choose(
    struct run *const *runs, size_t n_runs, size_t *from, size_t *n, size_t *rank) {
    unsigned tier = 0;
    size_t full = 0, members = 0;
    *rank = 0;
    for (size_t i = n_runs; i-- > 0;) {
        unsigned own = tier_of(runs[i]->bytes);
        if (own > tier) {
            tier = own;
            full = members = 0;
        }
        full += own == tier;
        members++;
        bool due = (full >= FAN || members >= CROWD) && members <= MOST;
        if (!due || members < *rank) continue;
        *from = i;
        *n = *rank = members;
    }
    return *rank > 0;
}

static bool copy(struct compaction *c, struct merge *m, struct run_writer *w, struct err *e) {
    while (!atomic_load_explicit(&c->cancelled, memory_order_relaxed)) {
        if (!merge_next(m, e)) return false;
        if (m->ended) return true;
        if (m->dropped && c->oldest) continue;
        if (!run_add(w, &m->entry, m->dropped, e)) return false;
    }
    return err_set(e, EXIT_IO, "cancelled");
}

static bool write_output(
    struct compaction *c, struct merge *m, struct run_writer *w, struct err *e) {
    if (!run_create(w, c->folder, c->name, c->table, c->kind, e)) return false;
    w->paced = true;
    if (!copy(c, m, w, e)) return false;
    if (!w->run.entries) return true;
    if (!run_finish(w, e)) return false;
    crash_point("merge-written", c->epoch);
    if (!run_publish(w, e)) return false;
    crash_point("merge-renamed", c->epoch);
    return true;
}

static void *work(void *arg) {
    struct compaction *c = arg;
    struct merge m = {0};
    struct run_writer w = {0};
    c->ok = merge_open(&m, c->folder, c->inputs, c->n, c->table, c->kind, c->horizon, &c->err) &&
            write_output(c, &m, &w, &c->err);
    c->output = w.run;
    run_abandon(&w);
    merge_close(&m);
    atomic_store(&c->done, true);
    return NULL;
}

bool compaction_start(struct compaction *c, struct err *e) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&c->thread, NULL, work, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why == 0 || err_errno(e, EXIT_IO, why, "cannot start a thread");
}

void compaction_end(struct compaction *c) { pthread_join(c->thread, NULL); }
