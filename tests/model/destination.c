/* What evsink, evsink --pass and side outputs do to a destination. Each function gives emit() all that one
 * process may do next; a step is what no kill can cut in two. Numbers in brackets are the rules of DESIGN section 5. */
#include "stages.h"

#include <string.h>

/* Does the stage's record of N name this very file, and not one that this is a copy of? */
static bool is_named(const struct disk *d, int stage, int N) {
    uint8_t record = d->record[stage][N];
    return record && d->file[stage].copied == !!(record & COPIED);
}

/* A destination that is a file, opened: it goes on from the stage's newest record, and drops what is replayed up to
 * that. Beyond may stand what a crash left: it is compared as it is written again. A copy is cut there instead, as what
 * it holds beyond may be of epochs that are not planned here. */
void open_file(struct world *w, int stage, struct process *p) {
    struct file *f = &w->seen.file[stage];
    bool goes_back = mutated(M_no_prune) || mutated(M_prune_by_owner);
    int A = mutated(M_resume_at_C) ? p->C : newest(w->seen.record[stage]);
    if (A > p->P && goes_back) A = p->C;
    uint8_t record = w->seen.record[stage][A];
    if (!mutated(M_no_sync_record_read))
        memcpy(w->durable.record[stage], w->seen.record[stage], sizeof w->seen.record[0]);
    p->acks = (uint8_t)A;
    p->offset = record & 63;
    p->replaces = !A; /* the first epoch replaces what is there */
    if (A < p->C || (A && !record)) fail(w, NO_RECORD);
    if (A > p->P) fail(w, DEST_AHEAD);
    if (w->bad || !A || (f->foreign && mutated(M_no_proof))) return;
    if (f->foreign) fail(w, DEST_OTHER);
    if (f->n < p->offset) fail(w, DEST_SHORT);
    bool other = !is_named(&w->seen, stage, A);
    if (w->bad || !((other && !mutated(M_no_identity)) || mutated(M_always_cut))) return;
    if (!other && f->n > p->offset) fail(w, SHRUNK);
    memset(f->token + p->offset, 0, sizeof f->token - p->offset);
    f->n = p->offset;
    w->durable.file[stage] = *f;
}

/* The records of epochs from N on are taken back by a record that removes their files: allowed in a copy only. */
static void take_back(struct world *w, int stage, struct process *p, int N) {
    struct folder *f = &w->seen.folder;
    bool other = !is_named(&w->seen, stage, newest(w->seen.record[stage])) && !mutated(M_log_kept);
    for (int r = 0; r < MAX_RECORD; r++) {
        if (f->epoch[r] < N || f->epoch[r] >= REMOVED) continue;
        if (!other) fail(w, DEST_AHEAD);
        f->epoch[r] = REMOVED;
        f->named &= (uint8_t) ~(1 << r);
        f->plan[r] = 0;
    }
    p->acks = (uint8_t)(N - 1);
}

/* A folder, opened: what a record names gets its names; the log's newest epoch is believed [5]. */
void open_folder(struct world *w, int stage, struct process *p) {
    struct folder *f = &w->seen.folder;
    p->acks = 0;
    for (int r = 0; r < MAX_RECORD; r++) {
        if (!f->epoch[r] || f->epoch[r] >= REMOVED) continue;
        if (!f->data[r][0]) fail(w, DEST_OTHER);
        if (!mutated(M_no_finish)) f->named |= (uint8_t)(1 << r);
        if (f->epoch[r] > p->acks) p->acks = f->epoch[r];
    }
    if (!mutated(M_no_sync_log_read)) memcpy(w->durable.folder.epoch, f->epoch, sizeof f->epoch);
    if (mutated(M_log_not_believed)) p->acks = p->C;
    if (p->acks < p->C) fail(w, NO_RECORD);
    else if (p->acks > p->P) take_back(w, stage, p, p->P + 1);
}

/* An epoch that the log has is ours only if it is of the same plan: the barrier carries a checksum of that and of all
 * before it. */
static void check_plan(struct world *w, int stage, struct process *p) {
    const struct folder *f = &w->seen.folder;
    for (int r = 0; r < MAX_RECORD; r++)
        if (f->epoch[r] == p->N && f->plan[r] != p->plan && !mutated(M_plan_unasked)) {
            take_back(w, stage, p, p->N);
            return;
        }
}

static int free_record(const struct folder *f) {
    int r = 0;
    while (f->epoch[r]) r++;
    return r;
}

void put_token(struct world *w, int stage, const struct process *p, int i) {
    struct file *f = &w->seen.file[stage];
    int at = mutated(M_append_blindly) ? f->n : p->offset + i;
    uint8_t token = p->spool[i];
    if (f->foreign || at >= MAX_TOKEN) {
        fail(w, DEST_DIFFERS);
        return;
    }
    bool there = at < f->n && (f->token[at] || mutated(M_zeros_differ));
    if (there && f->token[at] != token) fail(w, DEST_DIFFERS);
    f->token[at] = token;
    if (at >= f->n) f->n = (uint8_t)(at + 1);
    if (!conf->power) w->durable.file[stage] = *f;
}

int first_step(int stage) {
    if (mutated(M_record_first)) return WRITE_RECORD;
    return kind(stage) == 'l' && mutated(M_names_first) ? NAME_FILES : PUBLISH;
}

/* What a stage does when the output of an epoch is published and recorded. */
static void published(struct world *w, int run, int stage) {
    struct process *p = &w->process[run][stage];
    if (kind(stage) == 'f') {
        p->n = 0;
        memset(p->spool, 0, sizeof p->spool);
        if (!mutated(M_side_late)) {
            p->at = WRITE_STATE;
        } else if (p->final) {
            die(w, run, stage, DONE);
        } else {
            p->N++;
            p->at = READ;
        }
        return;
    }
    if (kind(stage) == 'p') {
        p->number = 0;
        p->at = mutated(M_passed_late) ? READ : FORWARD;
        if (!mutated(M_passed_late)) return;
    }
    if (p->final) {
        die(w, run, stage, DONE);
        return;
    }
    p->n = 0;
    memset(p->spool, 0, sizeof p->spool);
    p->N++;
    p->at = READ;
}

void publish(const struct world *w0, int run, int stage) {
    struct world w = *w0;
    struct process *p = &w.process[run][stage];
    struct file *f = &w.seen.file[stage];
    struct folder *log = &w.seen.folder;
    const char *name = stage_name(run, stage);
    int N = p->N;
    switch (p->at) {
    case PUBLISH:
        if (kind(stage) == 'l' && N <= p->acks) check_plan(&w, stage, p);
        if (N <= p->acks) { /* it has that already */
            p->at = WRITE_RECORD;
            if (kind(stage) != 'l') {
                p->offset = w.seen.record[stage][N] & 63;
                published(&w, run, stage);
            }
            emit(&w, "%s has epoch %d already", name, N);
        } else if (kind(stage) == 'l') {
            p->number = (uint8_t)free_record(log);
            p->at = LINK_RECORD;
            emit(&w, "%s has spooled epoch %d for record %d", name, N, p->number);
        } else if (p->replaces) {
            if (!f->foreign && !w.moved && f->n > p->n) fail(&w, SHRUNK);
            p->replaces = 0;
            memset(f, 0, sizeof *f);
            f->copied = w.moved;
            f->n = p->n;
            memcpy(f->token, p->spool, p->n);
            p->at = SYNC_OUTPUT;
            emit(&w, "%s renames epoch 1 over its destination", name);
        } else if (p->written < p->n) {
            put_token(&w, stage, p, p->written);
            p->written++;
            emit(&w, "%s writes %d of epoch %d", name, p->written, N);
        } else {
            p->at = SYNC_OUTPUT;
            emit(&w, "%s has written epoch %d", name, N);
        }
        return;
    case SYNC_OUTPUT:
        if (!mutated(M_no_sync_output)) w.durable.file[stage] = *f;
        p->at = WRITE_RECORD;
        if (mutated(M_record_first)) {
            p->offset += p->n;
            published(&w, run, stage);
        }
        emit(&w, "%s fsyncs its output of %d", name, N);
        return;
    case LINK_RECORD:
        if (log->epoch[p->number] && !mutated(M_log_overwritten)) {
            p->number = (uint8_t)free_record(log);
            emit(&w, "%s finds its number taken", name);
            return;
        }
        log->epoch[p->number] = (uint8_t)N;
        log->plan[p->number] = w.durable.folder.plan[p->number] = p->plan;
        memcpy(log->data[p->number], p->spool, sizeof p->spool);
        if (!mutated(M_no_sync_spool))
            memcpy(w.durable.folder.data[p->number], p->spool, sizeof p->spool);
        p->at = SYNC_LOG;
        emit(&w, "%s links record %d of epoch %d", name, p->number, N);
        return;
    case SYNC_LOG:
        w.durable.folder.epoch[p->number] = log->epoch[p->number];
        p->at = mutated(M_names_first) ? WRITE_RECORD : NAME_FILES;
        emit(&w, "%s fsyncs the log", name);
        return;
    case NAME_FILES:
        if (mutated(M_names_first)) p->number = (uint8_t)free_record(log);
        log->named |= (uint8_t)(1 << p->number);
        if (!log->epoch[p->number]) fail(&w, UNCOMMITTED);
        p->at = WRITE_RECORD;
        emit(&w, "%s names the files of record %d", name, p->number);
        return;
    case WRITE_RECORD:
        w.durable.folder.named = log->named;
        w.seen.record[stage][N] =
            (uint8_t)(PRESENT | (f->copied ? COPIED : 0) | (p->offset + p->n));
        if (!conf->power) w.durable.record[stage][N] = w.seen.record[stage][N];
        p->at = SYNC_RECORD;
        emit(&w, "%s renames its record of %d", name, N);
        return;
    case SYNC_RECORD:
        if (!mutated(M_no_sync_ack)) w.durable.record[stage][N] = w.seen.record[stage][N];
        p->written = 0;
        if (mutated(M_record_first)) {
            p->at = PUBLISH;
        } else {
            if (kind(stage) != 'l') p->offset += p->n;
            published(&w, run, stage);
        }
        emit(&w, "%s fsyncs its record of %d", name, N);
        return;
    }
}
