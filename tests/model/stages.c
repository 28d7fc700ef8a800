/* Filters and evsink. Each function gives emit() all that one
 * process may do next; a step is what no kill can cut in two. Numbers in brackets are the rules of DESIGN section 5. */
#include "stages.h"

#include <string.h>

char kind(int stage) { return conf->line[stage]; }
int sink(void) { return n_stages - 1; }

uint8_t newest(const uint8_t *numbers) {
    for (int n = MAX_EPOCH - 1; n > 0; n--)
        if (numbers[n]) return (uint8_t)n;
    return 0;
}
uint8_t newest_plan(const struct disk *d) {
    for (int n = MAX_EPOCH - 1; n > 0; n--)
        if (d->plan[n]) return (uint8_t)n;
    return 0;
}
uint8_t committed(const struct world *w) {
    int by = mutated(M_committed_by_pass) ? 1 : sink();
    return newest(w->seen.record[by]);
}
/* An acknowledgement is fsynced by whoever believes it. */
void sync_acks(struct world *w) {
    if (!mutated(M_no_sync_ack_read))
        memcpy(w->durable.record[sink()], w->seen.record[sink()], sizeof w->seen.record[0]);
}
int highest(unsigned mask) { return mask ? 31 - __builtin_clz(mask) : 0; }

void die(struct world *w, int run, int stage, enum life how) {
    memset(&w->process[run][stage], 0, sizeof(struct process));
    w->process[run][stage].life = how;
    memset(&w->queue[run][stage], 0, sizeof(struct queue));
}

void fail(struct world *w, enum bad reason) { w->bad = (uint8_t)reason; }

/* ---- pipes ---- */

enum { CLOSED = -1, FULL, ROOM };
static int room(const struct world *w, int run, int stage) {
    if (stage == sink()) return ROOM;
    if (w->process[run][stage + 1].life != RUNS) return CLOSED;
    return w->queue[run][stage + 1].n < (conf->queue ? conf->queue : 1) ? ROOM : FULL;
}
void send_message(struct world *w, int run, int stage, int type, int number, int low) {
    struct queue *q = &w->queue[run][stage + 1];
    q->message[q->n++] = (uint32_t)(type << 28 | number << 24 | low);
}
unsigned receive(struct world *w, int run, int stage) {
    struct queue *q = &w->queue[run][stage];
    unsigned message = q->message[0];
    for (unsigned i = 1; i < q->n; i++) q->message[i - 1] = q->message[i];
    q->message[--q->n] = 0;
    return message;
}
bool may_write(const struct world *w0, int run, int stage) {
    int r = room(w0, run, stage);
    if (r == CLOSED) {
        struct world w = *w0;
        die(&w, run, stage, w.process[run][stage + 1].life == DONE ? DONE : FAILED);
        emit(&w, "%s gets SIGPIPE", stage_name(run, stage));
    }
    return r == ROOM;
}
bool locked_out(const struct world *w, int run, int stage) {
    return !mutated(M_no_lock) && run == NOW && w->process[STALE][stage].life == RUNS;
}

/* ---- filter and evsink ---- */

static void on_event(
    const struct world *w0, struct world *w, int run, int stage, unsigned message) {
    struct process *p = &w->process[run][stage];
    int id = message & 255, type = message >> 28;
    uint8_t token = (uint8_t)(type == ROW ? id : 0x10 | id);
    if (kind(stage) != 'f') {
        p->spool[p->n++] = token;
        if (mutated(M_publish_early) && stage == sink()) put_token(w, stage, p, p->n - 1);
        emit(w, "%s spools %s %x", stage_name(run, stage), type == ROW ? "row" : "event", id);
        return;
    }
    bool late = p->seen && id < highest(p->seen);
    if (!late && !may_write(w0, run, stage)) return;
    if (p->seen >> id & 1) fail(w, STATE_TWICE);
    p->seen |= (uint8_t)(1 << id);
    if (late) p->spool[p->n++] = token;
    else send_message(w, run, stage, EVENT, 0, id);
    emit(w, "%s %s event %d", stage_name(run, stage), late ? "puts aside late" : "passes", id);
}

static void on_message(const struct world *w0, int run, int stage) {
    struct world w = *w0;
    struct process *p = &w.process[run][stage];
    unsigned message = receive(&w, run, stage);
    int type = message >> 28, N = message >> 24 & 15;
    const char *name = stage_name(run, stage);
    if (type == EVENT || type == ROW) {
        on_event(w0, &w, run, stage, message);
        return;
    }
    if (type == END_PAUSE || (type == END_FINAL && N == p->N - 1)) {
        if (!may_write(w0, run, stage)) return;
        if (stage != sink()) send_message(&w, run, stage, type, N, message & 0xffffff);
        die(&w, run, stage, DONE);
        emit(&w, "%s passes the end on and exits 0", name);
        return;
    }
    if (N != p->N) fail(&w, BARRIERS);
    p->committed = message & 255;
    p->plan = message >> 8 & 0xffff;
    p->final = type == END_FINAL;
    p->written = 0;
    p->at = kind(stage) == 'f' ? SEND_ROW : first_step(stage);
    if (kind(stage) == 'p' && mutated(M_passed_late)) p->at = FORWARD;
    emit(&w, "%s reads barrier %d", name, N);
}

static void on_eof(const struct world *w0, int run, int stage) {
    struct world w = *w0;
    struct process *p = &w.process[run][stage];
    if (mutated(M_eof_is_end) && p->at == READ) {
        p->final = 1;
        p->at = kind(stage) == 'f' ? SEND_ROW : first_step(stage);
        emit(&w, "%s takes the broken pipe for the end", stage_name(run, stage));
        return;
    }
    die(&w, run, stage, FAILED);
    emit(&w, "%s: truncated: exits 74", stage_name(run, stage));
}

static void on_open(const struct world *w0, int run, int stage) {
    struct world w = *w0;
    struct process *p = &w.process[run][stage];
    unsigned message = receive(&w, run, stage);
    p->C = message >> 24 & 15;
    p->P = message & 255;
    p->N = p->C + 1;
    p->at = mutated(M_prune_by_owner) ? PRUNE_OWN : stage == sink() ? READ : PASS_OPEN;
    if (kind(stage) == 'l') open_folder(&w, stage, p);
    else open_file(&w, stage, p);
    if (kind(stage) == 'f' && p->C && !w.bad) {
        if (!w.seen.state[stage][p->C]) fail(&w, NO_STATE);
        p->seen = w.seen.state[stage][p->C] & 63;
    }
    emit(&w, "%s restores %d", stage_name(run, stage), p->C);
}

static void later_stage(const struct world *w0, int run, int stage) {
    struct world w = *w0;
    struct process *p = &w.process[run][stage];
    const char *name = stage_name(run, stage);
    int waiting = w.queue[run][stage].n;
    bool eof = !waiting && w.process[run][stage - 1].life != RUNS;
    switch (p->at) {
    case LOCK:
        if (locked_out(w0, run, stage)) return;
        p->at = AWAIT_OPEN;
        emit(&w, "%s takes its lock", name);
        return;
    case AWAIT_OPEN:
        if (eof) on_eof(w0, run, stage);
        else if (waiting) on_open(w0, run, stage);
        return;
    case PRUNE_OWN:
        if (prune(w0, run, stage, p->P)) return;
        p->at = stage == sink() ? READ : PASS_OPEN;
        emit(&w, "%s has nothing to remove", name);
        return;
    case PASS_OPEN:
        if (!may_write(w0, run, stage)) return;
        send_message(&w, run, stage, OPEN, p->C, p->P);
        p->at = READ;
        emit(&w, "%s passes open on", name);
        return;
    case READ:
        if (eof) on_eof(w0, run, stage);
        else if (waiting) on_message(w0, run, stage);
        return;
    case SEND_ROW: /* what the epoch's end makes of the state; final rows at the final end */
        if (!may_write(w0, run, stage)) return;
        send_message(&w, run, stage, ROW, 0, 0x80 | (p->final ? 0x40 : 0) | p->seen);
        p->at = mutated(M_side_late) ? WRITE_STATE : first_step(stage);
        emit(&w, "%s sends the row of epoch %d", name, p->N);
        return;
    case FORWARD:
        if (!may_write(w0, run, stage)) return;
        if (p->number < p->n) {
            uint8_t token = p->spool[p->number++];
            if (token & 0x80) send_message(&w, run, stage, ROW, 0, token);
            else send_message(&w, run, stage, EVENT, 0, token & 15);
            emit(&w, "%s writes on what it read", name);
            return;
        }
        p->at = PASS_BARRIER;
        emit(&w, "%s has written on epoch %d", name, p->N);
        return;
    case WRITE_STATE:
        w.seen.state[stage][p->N] = PRESENT | p->seen;
        p->at = conf->power && !mutated(M_no_sync_state) ? SYNC_STATE : PASS_BARRIER;
        emit(&w, "%s renames manifest %d", name, p->N);
        return;
    case SYNC_STATE:
        w.durable.state[stage][p->N] = w.seen.state[stage][p->N];
        p->at = PASS_BARRIER;
        emit(&w, "%s fsyncs manifest %d", name, p->N);
        return;
    case PASS_BARRIER: {
        if (!may_write(w0, run, stage)) return;
        int N = p->N;
        send_message(
            &w, run, stage, p->final ? END_FINAL : BARRIER, N, p->plan << 8 | p->committed);
        forget(&w, stage, p->committed);
        bool still = (kind(stage) == 'f' && mutated(M_side_late)) ||
                     (kind(stage) == 'p' && mutated(M_passed_late));
        if (still) {
            p->at = first_step(stage);
        } else if (p->final) {
            die(&w, run, stage, DONE);
        } else {
            p->n = p->number = 0;
            memset(p->spool, 0, sizeof p->spool);
            p->N++;
            p->at = READ;
        }
        emit(&w, "%s passes barrier %d on", name, N);
        return;
    }
    default: publish(w0, run, stage); return;
    }
}

void steps(const struct world *w) {
    for (int run = 0; run < RUNS_KEPT; run++)
        for (int i = 0; i < n_stages; i++) {
            if (w->process[run][i].life != RUNS) continue;
            if (i == 0) source(w, run);
            else later_stage(w, run, i);
        }
}
