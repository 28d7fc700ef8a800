#include "state/merge.h"

#include <stdlib.h>

/* Of the same time and key the newer run's comes first: it holds. */
static bool before(const struct merge *m, size_t a, size_t b) {
    const struct state_entry *x = &m->readers[a].entry, *y = &m->readers[b].entry;
    int c = entry_order(x->time, x->key, y->time, y->key);
    return c < 0 || (c == 0 && a > b);
}

static void sift_down(struct merge *m, size_t i) {
    size_t reader = m->heap[i];
    for (size_t child; (child = 2 * i + 1) < m->live; i = child) {
        if (child + 1 < m->live && before(m, m->heap[child + 1], m->heap[child])) child++;
        if (!before(m, m->heap[child], reader)) break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = reader;
}

static bool open_map(struct merge *m, struct err *e) {
    for (size_t i = 0; i < m->n; i++) {
        struct run_reader *r = &m->readers[i];
        if (!run_open(r, m->folder, m->runs[i], m->table, m->kind, e) || !run_next(r, e))
            return false;
        if (!r->ended) m->heap[m->live++] = i;
    }
    for (size_t i = m->live / 2; i-- > 0;) sift_down(m, i);
    return true;
}

bool merge_open(struct merge *m, int folder, struct run *const *runs, size_t n, unsigned table,
    enum state_kind kind, int64_t horizon, struct err *e) {
    *m = (struct merge){.folder = folder,
        .runs = runs,
        .n = n,
        .table = table,
        .kind = kind,
        .horizon = horizon,
        .readers = mem_zero(kind == STATE_MAP ? n : 1, sizeof *m->readers),
        .heap = mem_zero(n, sizeof *m->heap)};
    if (kind == STATE_SET || open_map(m, e)) return true;
    merge_close(m);
    return false;
}

static bool next_of_set(struct merge *m, struct err *e) {
    struct run_reader *r = m->readers;
    for (;;) {
        if (r->buf) {
            if (!run_next(r, e)) return false;
            if (!r->ended) break;
            run_close(r);
        }
        m->ended = m->at == m->n;
        if (m->ended) return true;
        if (!run_open(r, m->folder, m->runs[m->at++], m->table, m->kind, e)) return false;
    }
    m->entry = r->entry;
    m->dropped = false;
    return !r->dropped ||
           checkpoint_damaged(e, r->run->file, "is damaged: drops an entry of a set");
}

/* The reader whose entry was given out goes on. */
static bool advance(struct merge *m, struct err *e) {
    struct run_reader *r = &m->readers[m->heap[0]];
    if (!run_next(r, e)) return false;
    if (r->ended) {
        run_close(r);
        m->heap[0] = m->heap[--m->live];
    }
    if (m->live) sift_down(m, 0);
    return true;
}

static void remember(struct merge *m, const struct state_entry *entry) {
    m->last.n = 0;
    buf_add_slice(&m->last, entry->key);
    m->last_time = entry->time;
}

/* An entry that an earlier one, of a newer run, hides is passed over. */
static bool next_of_map(struct merge *m, struct err *e) {
    for (;;) {
        if (m->started && !advance(m, e)) return false;
        m->ended = m->live == 0;
        if (m->ended) return true;
        struct run_reader *r = &m->readers[m->heap[0]];
        m->entry = r->entry;
        m->dropped = r->dropped;
        int order =
            m->started ? entry_order(m->entry.time, m->entry.key, m->last_time, buf_slice(&m->last))
                       : 1;
        m->started = true;
        if (order < 0) return checkpoint_damaged(e, r->run->file, "is damaged: is not in order");
        if (order == 0) continue;
        remember(m, &m->entry);
        return true;
    }
}

bool merge_next(struct merge *m, struct err *e) {
    do {
        if (!(m->kind == STATE_MAP ? next_of_map(m, e) : next_of_set(m, e))) return false;
    } while (!m->ended && m->entry.time < m->horizon);
    return true;
}

void merge_close(struct merge *m) {
    size_t readers = m->kind == STATE_MAP ? m->n : 1;
    for (size_t i = 0; m->readers && i < readers; i++) run_close(&m->readers[i]);
    free(m->readers);
    free(m->heap);
    buf_free(&m->last);
    *m = (struct merge){0};
}
