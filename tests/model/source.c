/* The source stage. Each function gives emit() all that one
 * process may do next; a step is what no kill can cut in two. Numbers in brackets are the rules of DESIGN section 5. */
#include "stages.h"

#include <string.h>

/* The numbers for which everything but the acknowledgement is there [2]. */
static uint8_t complete(const struct disk *d) {
    uint8_t mask = 0;
    for (int n = 1; n < MAX_EPOCH; n++) {
        bool all = d->plan[n];
        for (int i = 1; i < sink() && !mutated(M_ack_alone); i++) {
            bool empty =
                !newest(d->state[i]) && !newest(d->record[i]) && mutated(M_stateless_if_empty);
            if (kind(i) == 'f' && !d->state[i][n] && !mutated(M_state_unasked) && !empty)
                all = false;
            if (!d->record[i][n] && !mutated(M_sides_unasked) && !empty) all = false;
        }
        mask |= (uint8_t)(all << n);
    }
    return mask;
}
static uint8_t acknowledged(const struct disk *d) {
    uint8_t mask = 0;
    for (int n = 1; n < MAX_EPOCH; n++) mask |= (uint8_t)((d->record[sink()][n] != 0) << n);
    return mask;
}
static bool replayable(const struct disk *d, int n) {
    return d->plan[n] && (!conf->journal || d->journal[n] || mutated(M_plan_without_journal));
}

static void choose(struct world *w, struct process *p) {
    struct disk *d = &w->seen;
    uint8_t others = mutated(M_manifests_first) ? acknowledged(d) : complete(d);
    sync_acks(w);
    p->C = p->P = (uint8_t)highest(p->acks & others);
    while (p->P + 1 < MAX_EPOCH && replayable(d, p->P + 1)) p->P++;
    if (mutated(M_plan_gap)) p->P = newest_plan(d);
    p->N = p->C + 1;
    p->all = d->plan[p->P] >> 8;
    unsigned listed = mutated(M_manifests_first) ? others : p->acks;
    if (!w->moved && p->C < highest(listed))
        fail(w, BACK); /* only a copy begins below what is acknowledged */
    if (p->C < w->greatest_C) fail(w, BACK);
    w->greatest_C = p->C;
    if (!newest_plan(d) && newest(d->record[sink()])) fail(w, NO_PLAN);
    if (!p->C && !p->P && newest_plan(d) && !conf->journal) fail(w, PLANS_GONE);
}

/* What no start from C with plans up to P may find later, removed one by one in any order; by the source stage, before
 * anyone is told of C: they are of epochs whose plans the copy lacks. In place there are none. False when nothing is left. */
bool prune(const struct world *w0, int run, int stage, int P) {
    bool any = false;
    for (int i = 0; i < n_stages; i++) {
        if (stage != 0 && stage != i) continue;
        for (int n = 1; n < MAX_EPOCH; n++) {
            struct world w = *w0;
            struct disk *d = &w.seen;
            int before = d->plan[n] || d->journal[n] || d->state[i][n] || d->record[i][n];
            if (i == 0 && n > P) d->plan[n] = d->journal[n] = 0;
            if (n > P) d->state[i][n] = 0;
            if (n > P) d->record[i][n] = 0;
            if (!before || !memcmp(d, &w0->seen, sizeof *d)) continue;
            memcpy(&w.durable, d, sizeof *d);
            any = true;
            emit(&w, "%s removes %d of %s", stage_name(run, stage), n, stage_name(NOW, i));
        }
    }
    return any;
}

/* Removed is only what lies below the committed epoch that a barrier announced, never the newest plan [6]. An unlink
 * that a power loss undoes brings back what no rule looks at, so it counts as durable. */
static void forget_plans(struct world *w, int C) {
    if (conf->copy && !mutated(M_remove_at_once)) return;
    int keep = newest_plan(&w->seen);
    for (int n = 1; n < C; n++)
        if (n != keep)
            w->seen.plan[n] = w->durable.plan[n] = w->seen.journal[n] = w->durable.journal[n] = 0;
}
void forget(struct world *w, int stage, int C) {
    if (conf->copy && !mutated(M_remove_at_once)) return;
    for (int n = 1; n < C; n++) {
        w->seen.state[stage][n] = w->durable.state[stage][n] = 0;
        w->seen.record[stage][n] = w->durable.record[stage][n] = 0;
    }
}

/* Reads one event of any partition. */
static void read_event(const struct world *w0, int run) {
    const struct process *p0 = &w0->process[run][0];
    if (!may_write(w0, run, 0)) return;
    for (int part = 0; part < conf->parts; part++) {
        int id = conf->journal ? w0->consumed : part;
        while (!conf->journal && id < conf->events && (p0->all >> id & 1)) id += conf->parts;
        if (id >= conf->events) continue;
        struct world w = *w0;
        struct process *p = &w.process[run][0];
        p->events |= (uint8_t)(p->events & 7 ? (id + 1) << 3 : id + 1);
        p->all |= (uint8_t)(1 << id);
        if (conf->journal) w.consumed++;
        send_message(&w, run, 0, EVENT, 0, id);
        emit(&w, "%s reads event %d into epoch %d", stage_name(run, 0), id, p->N);
    }
}

static void run_source(const struct world *w0, int run) {
    struct world w = *w0;
    struct process *p = &w.process[run][0];
    struct disk *d = &w.seen;
    if (p->N <= p->P) { /* [7] */
        uint16_t plan = d->plan[p->N];
        if (!plan) fail(&w, PLANS_GONE);
        p->events = (conf->journal ? d->journal[p->N] : plan) & 63;
        if (mutated(M_other_order) && p->events >> 3)
            p->events = (uint8_t)((p->events & 7) << 3 | p->events >> 3);
        p->final = (plan & FINAL) != 0;
        p->at = REPLAY;
        emit(&w, "%s replays plan %d", stage_name(run, 0), p->N);
        return;
    }
    bool ended = !p->events && p->N > 1 && (d->plan[p->N - 1] & FINAL);
    if (ended || (p->term && !p->events)) { /* [8] [9] */
        if (!may_write(w0, run, 0)) return;
        send_message(&w, run, 0, ended ? END_FINAL : END_PAUSE, p->N - 1, committed(&w));
        p->number = p->N - 1;
        p->at = WAIT;
        emit(&w, "%s sends end %s after epoch %d", stage_name(run, 0), ended ? "final" : "pause",
            p->N - 1);
        return;
    }
    int count = !!(p->events & 7) + !!(p->events >> 3);
    if (count < conf->per_epoch && !p->term) read_event(w0, run);
    bool all = conf->journal ? w.consumed == conf->events : p->all == (1 << conf->events) - 1;
    if (count || all) { /* [3] */
        p->final = all;
        p->at = conf->journal && !mutated(M_journal_late) ? WRITE_JOURNAL
                : mutated(M_plan_late)                    ? SEND_BARRIER
                                                          : WRITE_PLAN;
        emit(&w, "%s cuts epoch %d", stage_name(run, 0), p->N);
    }
}

/* After the last step of an epoch at the source. */
static void next_epoch(struct process *p) {
    p->number = p->N++;
    p->at = p->final ? WAIT : RUN;
    p->events = 0;
}

void source(const struct world *w0, int run) {
    struct world w = *w0;
    struct process *p = &w.process[run][0];
    struct disk *d = &w.seen;
    const char *name = stage_name(run, 0);
    bool replaying = p->N <= p->P;
    switch (p->at) {
    case LOCK:
        if (locked_out(w0, run, 0)) return;
        p->at = READ_ACKS;
        emit(&w, "%s takes its lock", name);
        return;
    case READ_ACKS:
        p->acks = mutated(M_manifests_first) ? complete(d) : acknowledged(d);
        p->at = CHOOSE;
        emit(&w, "%s lists the acknowledgements", name);
        return;
    case CHOOSE:
        choose(&w, p);
        p->at = PRUNE;
        emit(&w, "%s chooses C=%d P=%d", name, p->C, p->P);
        return;
    case PRUNE:
        if (!mutated(M_no_prune) && !mutated(M_prune_by_owner) && prune(w0, run, 0, p->P)) return;
        p->at = SEND_OPEN;
        emit(&w, "%s has nothing to remove", name);
        return;
    case SEND_OPEN:
        if (!may_write(w0, run, 0)) return;
        send_message(&w, run, 0, OPEN, p->C, p->P);
        p->at = RUN;
        emit(&w, "%s sends open C=%d P=%d", name, p->C, p->P);
        return;
    case RUN: run_source(w0, run); return;
    case REPLAY:
        if (p->events) {
            if (!may_write(w0, run, 0)) return;
            send_message(&w, run, 0, EVENT, 0, (p->events & 7) - 1);
            p->events >>= 3;
            emit(&w, "%s sends an event of epoch %d again", name, p->N);
            return;
        }
        p->at = conf->power && !mutated(M_no_sync_replay) ? SYNC_PLAN : SEND_BARRIER;
        emit(&w, "%s has replayed plan %d", name, p->N);
        return;
    case WRITE_JOURNAL:
        d->journal[p->N] = p->events | PRESENT;
        if (!conf->power) w.durable.journal[p->N] = d->journal[p->N];
        p->at = SYNC_JOURNAL;
        emit(&w, "%s renames journal %d", name, p->N);
        return;
    case SYNC_JOURNAL:
        if (!mutated(M_no_sync_journal)) w.durable.journal[p->N] = d->journal[p->N];
        p->at = WRITE_PLAN;
        if (mutated(M_journal_late)) next_epoch(p);
        emit(&w, "%s fsyncs journal", name);
        return;
    case WRITE_PLAN:
        d->plan[p->N] =
            (uint16_t)((p->events & 63) | (p->final ? FINAL : 0) | PRESENT | p->all << 8);
        p->at = conf->power && !mutated(M_no_sync_plan) ? SYNC_PLAN : SEND_BARRIER;
        if (mutated(M_plan_late)) next_epoch(p);
        emit(&w, "%s renames plan %d", name, p->N);
        return;
    case SYNC_PLAN:
        w.durable.plan[p->N] = d->plan[p->N];
        if (!mutated(M_no_sync_journal)) w.durable.journal[p->N] = d->journal[p->N];
        p->at = SEND_BARRIER;
        emit(&w, "%s fsyncs plan %d", name, p->N);
        return;
    case SEND_BARRIER: {
        if (!may_write(w0, run, 0)) return;
        int C = committed(&w);
        sync_acks(&w);
        if (C > p->N && !mutated(M_committed_free)) C = p->N; /* [6] */
        send_message(&w, run, 0, p->final ? END_FINAL : BARRIER, p->N, d->plan[p->N] << 8 | C);
        forget_plans(&w, C);
        int N = p->N;
        if (!replaying && mutated(M_plan_late)) p->at = WRITE_PLAN;
        else if (!replaying && mutated(M_journal_late)) p->at = WRITE_JOURNAL;
        else next_epoch(p);
        emit(&w, "%s sends barrier %d, committed %d", name, N, C);
        return;
    }
    case WAIT: /* [10] */
        if (committed(&w) >= p->number || mutated(M_exit_early)) {
            if (newest(d->record[sink()]) < p->number) fail(&w, TRUNCATED_EXIT);
            die(&w, run, 0, DONE);
            emit(&w, "%s exits 0", name);
        } else if (w.process[run][sink()].life != RUNS) {
            die(&w, run, 0, FAILED);
            emit(&w, "%s: the sink is gone: exits 74", name);
        }
        return;
    }
}
