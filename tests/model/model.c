/* A model of the checkpoints' protocol (DESIGN section 5), explored breadth first through every world that can be reached,
 * so that the trace of a counterexample is a shortest one. `make model` runs all; `build/model TEXT` runs those whose name
 * or mutation has TEXT in it, and tells the traces.
 *
 * The pipeline is a line: a source, a filter with a side output and a state, evsink --pass, and evsink to a file or to a
 * folder with a commit log. Steps of one process are interleaved with those of all others, and of one earlier run that
 * did not quite die. At any moment one process or all may be killed; SIGTERM may come; a power loss keeps, of what was
 * not fsynced, any part: any beginning of what was appended, or zeros. A copy of the checkpoint may be taken, each folder
 * (or file) at its own moment, then of the destinations, and be started elsewhere while the original is forgotten.
 *
 * Bytes are tokens: an event, or the row that a filter makes of its state at each barrier. So what an epoch publishes
 * depends on how epochs were cut and partitions interleaved, and an epoch that is cut anew differs from the lost one. At
 * the end each destination must be what some undisturbed run could have written, nothing lost, nothing twice; on the
 * way no file shrinks in place, acknowledgements never go back, and nobody exits with 78 but in a copy, for the reasons
 * that its configuration names.
 *
 * The rule that a start follows, in place and in a copy alike:
 * - C is the greatest N with ack-N, plan-N, and each other stage's manifest-N and record of its output (sides-N,
 *   passed-N); acknowledgements are listed first. P is the last of the plans that follow C without a gap, each with its
 *   journal where the source cannot be read again.
 * - Before it sends open, the source stage removes what is numbered above P, in all folders. In place there is none.
 * - A destination goes on from its stage's newest record A, C <= A <= P, and drops what is replayed up to A. A record that
 *   is believed is fsynced. What stands behind A's offset is compared with what is written there, zeros agreeing with
 *   everything; but where record A names another file by its identity, this is a copy and is cut there.
 * - A folder's log is asked for the newest epoch itself. An epoch in it counts if it was made by the same plan: the barrier
 *   carries the plans' checksum. In a copy other epochs are taken back; in place they are 78.
 * - What is superseded stays for longer than a copy takes.
 *
 * Not here: time and watermarks, evjoin's second source, resets, destinations without a record, side outputs to
 * folders, two copies, an unlink that a power loss undoes. Worlds are told apart by 64 bits of a hash. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

const struct config *conf;
int n_stages;
static const char *const reasons[N_BAD] = {
    [LOST] = "an event is lost",
    [TWICE] = "an event is published twice",
    [BACK] = "acknowledgements went back",
    [STATE_TWICE] = "a state saw an event twice",
    [BARRIERS] = "a barrier has another number than its reader's epoch",
    [REWRITTEN] = "something stands behind the final row",
    [ORDER] = "events are out of order",
    [WRONG_ROW] = "a row that no undisturbed run writes",
    [UNCOMMITTED] = "a glob sees files of no record",
    [OTHERS_LOST] = "the other pipeline's commit is gone",
    [SHRUNK] = "a file shrank in place",
    [DEADLOCK] = "nobody can move",
    [TRUNCATED_EXIT] = "the source exits 0 before the last acknowledgement",
    [NO_STATE] = "78: state missing",
    [NO_RECORD] = "78: a destination's record is behind",
    [NO_PLAN] = "78: acknowledgements without plans",
    [PLANS_GONE] = "78: a gap in the plans",
    [DEST_SHORT] = "78: the destination is shorter than recorded",
    [DEST_OTHER] = "78: the destination is another file",
    [DEST_DIFFERS] = "78: the destination goes on otherwise",
    [DEST_AHEAD] = "78: the destination is ahead of the plans",
};
static const char *const mutations[] = {"",
#define X(name) #name,
    MUTATIONS
#undef X
};

bool mutated(enum mutation m) { return conf->mutation == m; }
const char *stage_name(int run, int stage) {
    static const char *const now[] = {"source", "filter", "pass", "sink"};
    static const char *const old[] = {"old source", "old filter", "old pass", "old sink"};
    const char *const *names = run == NOW ? now : old;
    switch (conf->line[stage]) {
    case 's': return names[0];
    case 'f': return names[1];
    case 'p': return names[2];
    default: return names[3];
    }
}

/* ---- breadth first ---- */

struct frontier {
    struct world *world;
    uint32_t *id;
    size_t n, room;
};
static struct search {
    uint64_t *table;
    size_t n, room;
    uint32_t *parent;
    uint16_t *step; /* which of the parent's steps it was */
    size_t nodes_room;
    struct frontier now, next;
    uint32_t parent_now;
    unsigned step_now;
    bool found;
    uint32_t found_id;
    uint8_t found_bad;
    size_t refused, ends; /* worlds that ended with 78 where that is right, or finally */
} S;
/* While a trace is told: the step wanted, its text, and where it leads. */
static struct {
    bool on;
    unsigned wanted;
    struct world reached;
} told;

static void *grown(void *p, size_t size) {
    void *q = realloc(p, size);
    if (!q) {
        fprintf(stderr, "model: out of memory: %zu states of %zu bytes\n", S.now.n + S.next.n,
            sizeof(struct world));
        exit(70);
    }
    return q;
}

static bool is_new(uint64_t hash) {
    if (S.n * 2 >= S.room) {
        size_t room = S.room ? S.room * 2 : 1 << 16;
        uint64_t *t = calloc(room, sizeof *t);
        if (!t) exit(71);
        for (size_t i = 0; i < S.room; i++) {
            if (!S.table[i]) continue;
            size_t j = S.table[i] & (room - 1);
            while (t[j]) j = (j + 1) & (room - 1);
            t[j] = S.table[i];
        }
        free(S.table);
        S.table = t;
        S.room = room;
    }
    size_t i = hash & (S.room - 1);
    for (; S.table[i]; i = (i + 1) & (S.room - 1))
        if (S.table[i] == hash) return false;
    S.table[i] = hash;
    S.n++;
    return true;
}

static void add(const struct world *w) {
    uint64_t hash = XXH3_64bits(w, sizeof *w);
    unsigned step = S.step_now++;
    if (S.found || !is_new(hash ? hash : 1)) return;
    if (S.n > S.nodes_room) {
        S.nodes_room = S.n * 2;
        S.parent = grown(S.parent, S.nodes_room * sizeof *S.parent);
        S.step = grown(S.step, S.nodes_room * sizeof *S.step);
    }
    uint32_t id = (uint32_t)S.n - 1;
    S.parent[id] = S.parent_now;
    S.step[id] = (uint16_t)step;
    if (w->bad >= NO_STATE && w->moved && (conf->refusals >> (w->bad - NO_STATE) & 1)) {
        S.refused++;
        return;
    }
    if (w->bad) {
        S.found = true;
        S.found_id = id;
        S.found_bad = w->bad;
        return;
    }
    struct frontier *f = &S.next;
    if (f->n == f->room) {
        f->room = f->room ? f->room + f->room / 2 : 1024;
        f->world = grown(f->world, f->room * sizeof *f->world);
        f->id = grown(f->id, f->room * sizeof *f->id);
    }
    f->world[f->n] = *w;
    f->id[f->n++] = id;
}

void emit(const struct world *w0, const char *format, ...) {
    struct world w = *w0;
    if (!conf->power) memset(&w.durable, 0, sizeof w.durable);
    if (!told.on) {
        add(&w);
        return;
    }
    if (S.step_now++ != told.wanted) return;
    told.reached = w;
    va_list a;
    va_start(a, format);
    fputs("        ", stdout);
    vprintf(format, a);
    putchar('\n');
    va_end(a);
}

/* ---- what the world may do ---- */

static void start(struct world *w) {
    memcpy(w->process[STALE], w->process[NOW], sizeof w->process[0]);
    memcpy(w->queue[STALE], w->queue[NOW], sizeof w->queue[0]);
    memset(w->process[NOW], 0, sizeof w->process[0]);
    memset(w->queue[NOW], 0, sizeof w->queue[0]);
    for (int i = 0; i < n_stages; i++) {
        w->process[NOW][i].life = RUNS;
        if (w->process[STALE][i].life == RUNS) continue;
        memset(&w->process[STALE][i], 0, sizeof(struct process));
        memset(&w->queue[STALE][i], 0, sizeof(struct queue));
    }
}

/* What a power loss leaves of a file that grew: any beginning of it, with zeros behind where the length was kept. */
static void lose(const struct world *w0, int item);
static void lose_file(const struct world *w0, int stage, int item) {
    const struct file *seen = &w0->seen.file[stage], *durable = &w0->durable.file[stage];
    struct world w = *w0;
    struct file *f = &w.seen.file[stage];
    lose(&w, item + 1);
    if (seen->foreign != durable->foreign) {
        *f = *durable;
        lose(&w, item + 1);
        return;
    }
    for (int k = 0; k < seen->n; k++) {
        if (k < durable->n && seen->token[k] == durable->token[k]) continue;
        *f = *durable;
        memcpy(f->token, seen->token, (size_t)k);
        if (k > f->n) f->n = (uint8_t)k;
        lose(&w, item + 1);
        for (int n = f->n + 1; conf->zeros && n <= seen->n; n++) {
            f->n = (uint8_t)n;
            lose(&w, item + 1);
        }
    }
}

/* Of each thing that was renamed or linked and not fsynced: kept, or lost. */
static void lose(const struct world *w0, int item) {
    struct world w = *w0;
    struct disk *s = &w.seen, *d = &w.durable;
    for (;; item++) {
        int n = item % MAX_EPOCH, what = item / MAX_EPOCH;
        if (what == 2 + 2 * MAX_STAGE) break;
        bool lost = true;
        if (what == 0 && s->plan[n] != d->plan[n]) s->plan[n] = d->plan[n];
        else if (what == 1 && s->journal[n] != d->journal[n]) s->journal[n] = d->journal[n];
        else if (what >= 2 && what % 2 == 0 &&
                 s->state[what / 2 - 1][n] != d->state[what / 2 - 1][n])
            s->state[what / 2 - 1][n] = d->state[what / 2 - 1][n];
        else if (what >= 2 && what % 2 && s->record[what / 2 - 1][n] != d->record[what / 2 - 1][n])
            s->record[what / 2 - 1][n] = d->record[what / 2 - 1][n];
        else lost = false;
        if (!lost) continue;
        lose(&w, item + 1);
        w = *w0;
    }
    int stage = item - (2 + 2 * MAX_STAGE) * MAX_EPOCH;
    for (; stage < n_stages; stage++, item++)
        if (memcmp(&s->file[stage], &d->file[stage], sizeof *s->file)) {
            lose_file(w0, stage, item);
            return;
        }
    for (int r = 0; r < MAX_RECORD; r++) {
        bool kept = s->folder.epoch[r] == d->folder.epoch[r];
        if (!kept) { /* at most one is not yet durable */
            struct world lost = w;
            lost.seen.folder = d->folder;
            lost.durable = lost.seen;
            emit(&lost, "**** power loss, the newest record too");
        }
        memcpy(s->folder.data[r], d->folder.data[r], sizeof s->folder.data[r]);
    }
    if (s->folder.named != d->folder.named) {
        struct world lost = w;
        lost.seen.folder.named = d->folder.named;
        lost.durable = lost.seen;
        emit(&lost, "**** power loss, names of files too");
    }
    w.durable = w.seen;
    emit(&w, "**** power loss");
}

static void kill_some(const struct world *w0) {
    if (w0->crashes >= conf->crashes || (conf->copy && !w0->moved && !conf->early)) return;
    struct world all = *w0;
    int n = 0;
    for (int run = 0; run < RUNS_KEPT; run++)
        for (int i = 0; i < n_stages; i++) {
            if (w0->process[run][i].life != RUNS) continue;
            struct world w = *w0;
            n++;
            w.crashes++;
            die(&w, run, i, FAILED);
            die(&all, run, i, FAILED);
            emit(&w, "**** kill -9 %s", stage_name(run, i));
        }
    all.crashes++;
    if (!n) return;
    if (conf->power) lose(&all, 0);
    else emit(&all, "**** kill -9 all");
}

/* Another pipeline commits to the same folder: it sees a number free, and then links. */
static void other_writer(const struct world *w0) {
    enum { LINKED = 0x80 };
    if (!conf->other || w0->others == LINKED) return;
    struct world w = *w0;
    struct folder *f = &w.seen.folder;
    int r = w.others - 1;
    if (!w.others) {
        for (r = 0; f->epoch[r]; r++) {}
        w.others = (uint8_t)(r + 1);
        emit(&w, "another pipeline finds record %d free", r);
    } else if (f->epoch[r]) {
        w.others = 0;
        emit(&w, "another pipeline finds record %d taken", r);
    } else {
        f->epoch[r] = w.durable.folder.epoch[r] = OTHERS;
        w.others = LINKED;
        emit(&w, "another pipeline links record %d", r);
    }
}

/* The parts of a copy, each taken at its own moment. */
enum {
    PLANS,
    JOURNALS = MAX_EPOCH,
    STATES,
    RECORDS = STATES + MAX_STAGE,
    FILES = RECORDS + MAX_STAGE,
    PARTS = FILES + MAX_STAGE
};
static void copy_part(struct world *w, int part) {
    const struct disk *s = &w->seen;
    struct disk *c = &w->copy;
    w->copied |= 1u << part | 1u; /* plan 0 is none */
    if (part < JOURNALS) c->plan[part] = s->plan[part];
    else if (part == JOURNALS) memcpy(c->journal, s->journal, sizeof s->journal);
    else if (part < RECORDS) memcpy(c->state[part - STATES], s->state[part - STATES], MAX_EPOCH);
    else if (part < FILES) memcpy(c->record[part - RECORDS], s->record[part - RECORDS], MAX_EPOCH);
    else if (part == FILES) { /* stage 0 has no destination: the files of a folder */
        memcpy(c->folder.data, s->folder.data, sizeof s->folder.data);
        c->folder.named = s->folder.named;
    } else {
        c->file[part - FILES] = s->file[part - FILES];
        if (conf->line[part - FILES] == 'l')
            memcpy(c->folder.epoch, s->folder.epoch, sizeof s->folder.epoch);
    }
}

static void take_copy(const struct world *w0) {
    uint32_t stages = ((1u << n_stages) - 1) & ~1u, files = (stages | 1u) << FILES;
    bool folder = conf->line[n_stages - 1] == 'l';
    uint32_t log = 1u << (FILES + n_stages - 1);
    if (!folder) files = stages << FILES;
    uint32_t all = ((1u << STATES) - 1) | stages << STATES | stages << RECORDS | files;
    if (!conf->copy || w0->moved) return;
    struct world w = *w0;
    if (w.copied == all) {
        w.seen = w.durable = w.copy;
        memset(&w.copy, 0, sizeof w.copy);
        memset(w.process, 0, sizeof w.process);
        memset(w.queue, 0, sizeof w.queue);
        for (int i = 0; i < n_stages; i++) w.seen.file[i].copied = 1;
        w.copied = 0;
        w.moved = 1;
        w.greatest_C = w.extra = 0;
        start(&w);
        emit(&w, "==== the copy is started elsewhere");
        return;
    }
    for (int part = 1; part < PARTS; part++) {
        if ((w0->copied >> part & 1) || !(all >> part & 1)) continue;
        w = *w0;
        if (part >= FILES && conf->dest_last && (w0->copied | files) != all) continue;
        if (part == FILES && conf->dest_last && !(w0->copied & log)) continue;
        copy_part(&w, part);
        int stage = part >= FILES ? part - FILES : part >= RECORDS ? part - RECORDS : part - STATES;
        if (part < STATES && !conf->by_file)
            for (int i = PLANS; i < STATES; i++) copy_part(&w, i);
        if (part >= STATES && part < RECORDS && !conf->by_file) copy_part(&w, RECORDS + stage);
        if (part == FILES) emit(&w, "==== copied: files of the folder");
        else if (part >= FILES) emit(&w, "==== copied: destination of %s", stage_name(NOW, stage));
        else if (part < JOURNALS)
            emit(&w, "==== copied: plans%s %d", conf->by_file ? "" : " from", part);
        else if (part == JOURNALS) emit(&w, "==== copied: journals");
        else
            emit(&w, "==== copied: %s of %s", part >= RECORDS ? "records" : "states",
                stage_name(NOW, stage));
    }
}

/* ---- what must hold at the end ---- */

static enum bad check_stream(
    const uint8_t *token, int n, unsigned aside, unsigned expected, bool rows) {
    unsigned seen = 0, last_row = 0;
    int last = -1;
    bool final = false;
    for (int i = 0; i < n; i++) {
        if (final) return REWRITTEN;
        if (!token[i]) return WRONG_ROW;
        if (token[i] & 0x80) {
            unsigned row = token[i] & 63;
            final = token[i] & 0x40;
            if ((row & ~(seen | aside)) || (seen & ~row) || (last_row & ~row)) return WRONG_ROW;
            if (row == last_row && !final) return TWICE;
            last_row = row;
            continue;
        }
        int id = token[i] & 15;
        if ((seen | aside) >> id & 1) return TWICE;
        if (conf->journal && id < last) return ORDER;
        seen |= 1u << id;
        last = id;
    }
    if ((seen | aside) != expected) return LOST;
    return rows && (!final || last_row != expected) ? WRONG_ROW : GOOD;
}

static enum bad check_folder(const struct folder *f, uint8_t *token, int *n, bool others) {
    bool found = false;
    unsigned epochs = 0;
    for (int r = 0; r < MAX_RECORD && f->epoch[r]; r++) {
        if (f->epoch[r] == OTHERS) found = true;
        if (f->epoch[r] >= REMOVED) continue;
        if (epochs >> f->epoch[r] & 1) return TWICE;
        epochs |= 1u << f->epoch[r];
        if (!(f->named >> r & 1)) return LOST;
        for (int i = 0; i < MAX_SPOOL && f->data[r][i]; i++) token[(*n)++] = f->data[r][i];
    }
    return found == others ? GOOD : OTHERS_LOST;
}

static enum bad check_end(const struct world *w) {
    unsigned full = (1u << conf->events) - 1, aside = 0;
    unsigned expected = conf->journal ? w->seen.plan[newest_plan(&w->seen)] >> 8 : full;
    bool rows = false;
    for (int i = 1; i < n_stages; i++) {
        const struct file *f = &w->seen.file[i];
        uint8_t token[MAX_RECORD * MAX_SPOOL] = {0};
        int n = 0;
        if (conf->line[i] == 'l') {
            enum bad b = check_folder(&w->seen.folder, token, &n, w->others == 0x80);
            if (b) return b;
        } else {
            if (f->foreign) return LOST;
            n = f->n;
            memcpy(token, f->token, MAX_TOKEN);
        }
        if (conf->line[i] == 'f') {
            rows = true;
            for (int k = 0; k < n; k++) {
                if (aside >> (token[k] & 15) & 1) return TWICE;
                aside |= 1u << (token[k] & 15);
            }
            continue;
        }
        enum bad b = check_stream(token, n, aside, expected, rows);
        if (b) return b;
    }
    return GOOD;
}

static void successors(const struct world *w) {
    S.step_now = 0;
    steps(w);
    bool can_move = S.step_now > 0, failed = false, done = true, old_gone = true;
    for (int i = 0; i < n_stages; i++) {
        failed |= w->process[NOW][i].life == FAILED;
        done &= w->process[NOW][i].life == DONE;
        old_gone &= w->process[STALE][i].life != RUNS;
    }
    done &= old_gone;
    int last = newest_plan(&w->seen);
    bool final = done && last && (w->seen.plan[last] & FINAL);
    enum bad b = final && !can_move ? check_end(w) : GOOD;
    S.ends += final && !can_move && (!conf->copy || w->moved);
    if (!final && !can_move && !failed && !done) b = DEADLOCK;
    struct world t = *w;
    if (b) {
        t.bad = (uint8_t)b;
        emit(&t, "all have exited");
        return;
    }
    if (old_gone && (failed || (done && (!final || !w->extra)))) {
        t.extra |= final;
        start(&t);
        emit(&t, "---- started again");
    }
    struct process *p = &(t = *w).process[NOW][0];
    if (w->terms < conf->terms && p->life == RUNS && !p->term) {
        t.terms++;
        p->term = 1;
        emit(&t, "SIGTERM");
    }
    other_writer(w);
    take_copy(w);
    kill_some(w);
}

static void tell(const struct world *first, uint32_t id) {
    static uint16_t path[4096];
    int n = 0;
    for (uint32_t i = id; i; i = S.parent[i]) path[n++] = S.step[i];
    told.on = true;
    struct world w = *first;
    while (n-- > 0) {
        told.wanted = path[n];
        successors(&w);
        w = told.reached;
    }
    told.on = false;
}

/* True as expected: without a mutation nothing is found, with one something is. */
static bool explore(const struct config *c, bool verbose) {
    conf = c;
    n_stages = (int)strlen(c->line);
    if (S.table) memset(S.table, 0, S.room * sizeof *S.table);
    S.n = S.now.n = S.next.n = 0;
    S.found = false;
    S.refused = S.ends = 0;
    struct world first;
    memset(&first, 0, sizeof first);
    for (int i = 1; i < n_stages; i++)
        if (c->line[i] != 'l') first.seen.file[i].foreign = first.durable.file[i].foreign = 1;
    start(&first);
    memset(first.process[STALE], 0, sizeof first.process[STALE]);
    S.parent_now = 0;
    S.step_now = 0;
    emit(&first, "start");
    while (S.next.n && !S.found) {
        struct frontier f = S.now;
        S.now = S.next;
        S.next = f;
        S.next.n = 0;
        for (size_t i = 0; i < S.now.n && !S.found; i++) {
            S.parent_now = S.now.id[i];
            successors(&S.now.world[i]);
        }
    }
    bool good = c->mutation ? S.found : !S.found && S.ends;
    printf("%-4s %-52s %8zu worlds  ", good ? "ok" : "FAIL", c->name, S.n);
    if (S.found)
        printf("%s: %s", c->mutation ? mutations[c->mutation] : "found", reasons[S.found_bad]);
    else printf("holds, %zu ends", S.ends);
    if (S.refused) printf(", %zu with 78", S.refused);
    putchar('\n');
    fflush(stdout);
    if (S.found && (verbose || !good)) {
        if (!c->power) memset(&first.durable, 0, sizeof first.durable);
        tell(&first, S.found_id);
    }
    return good;
}

#include "configs.h"

int main(int argc, char **argv) {
    int passed = 0, failed = 0;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        const struct config *c = &configs[i];
        const char *want = argc > 1 ? argv[1] : "";
        if (*want && strcmp(want, mutations[c->mutation]) && !strstr(c->name, want)) continue;
        if (explore(c, argc > 1)) passed++;
        else failed++;
    }
    printf("model: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
