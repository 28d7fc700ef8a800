#include "op/window.h"

#include <stdlib.h>

#include "base/buf.h"
#include "op/window_state.h"

struct windows *windows_new(
    const struct window_spec *spec, struct aggregates *aggregates, uint64_t hash_seed) {
    struct windows *w = mem_zero(1, sizeof *w);
    w->spec = *spec;
    w->panes_each = period_ratio(&spec->size, &spec->slide, spec->zone != NULL);
    w->aggregates = aggregates;
    w->layout = aggregates_layout(aggregates);
    size_t n = w->layout / sizeof(uint64_t);
    if (n <= WAITING_INPUTS && aggregates_keep_no_text(aggregates)) w->waiting_inputs = n;
    w->n_cursors = spec->corrections ? 2 : 1;
    for (int i = 0; i < w->n_cursors; i++) {
        w->cursors[i].passed = TIME_NONE;
        w->cursors[i].total.size = w->layout + sizeof(uint64_t);
    }
    if (spec->corrections) w->cursors[FINAL].delay = spec->allowed_lateness;
    else w->spec.allowed_lateness = 0;
    w->corrections.last = -1;
    w->due = TIME_END;
    for (int i = 0; i < WINDOW_TABLES; i++) w->forgotten[i] = INT64_MIN;
    w->scratch = mem_zero(w->layout + 1, 1);
    keys_init(&w->keys, hash_seed);
    return w;
}

void windows_free(struct windows *w) {
    if (!w) return;
    for (size_t i = 0; i < w->n_touched; i++) table_free(&w->touched[i].versions);
    for (int i = 0; i < w->n_cursors; i++) table_free(&w->cursors[i].total);
    panes_free(&w->panes);
    keys_free(&w->keys);
    free(w->touched);
    free(w->firing.sorted);
    free(w->scratch);
    free(w);
}

/* ---- the pane of an event ---- */

static void find_pane(struct windows *w, int64_t time) {
    size_t i = panes_after(&w->panes, time);
    struct pane *p = i < w->panes.n ? panes_at(&w->panes, i) : NULL;
    if (p && p->start > time) p = NULL;
    w->at.pane = p;
    w->at.start = p ? p->start : window_boundary(w, time);
    w->at.end = p ? p->end : window_step(w, w->at.start, 1);
    w->at.last_end = p ? p->last_end : window_step(w, w->at.start, w->panes_each);
}

static void add_pane(struct windows *w) {
    struct pane *p = mem_alloc(sizeof *p);
    *p = (struct pane){
        .start = w->at.start,
        .end = w->at.end,
        .last_end = w->at.last_end,
        .serial = ++w->serials,
        .groups.size = w->layout,
    };
    w->at.pane = p;
    panes_insert(&w->panes, p);
}

static void pane_new(struct windows *w, int64_t watermark) {
    bool due = windows_due(w, watermark); /* the caller's mistake: then no row is lost, but late */
    add_pane(w);
    windows_pass(w, due ? TIME_NONE : watermark);
}

struct pane *windows_pane(struct windows *w, int64_t time) {
    if (!w->at.pane || time < w->at.start || time >= w->at.end) find_pane(w, time);
    if (!w->at.pane) add_pane(w);
    return w->at.pane;
}

/* ---- adding ---- */

uint32_t windows_group(struct windows *w, struct pane *p, uint32_t number, bool *is_new) {
    struct key *key = keys_at(&w->keys, number);
    *is_new = false;
    if (key->pane == p->serial) return key->group;
    uint32_t group = key->holders ? table_find(&p->groups, number) : TABLE_NONE;
    if (group == TABLE_NONE) {
        group = table_add(&p->groups, number);
        keys_hold(&w->keys, number);
        *is_new = true;
    }
    key->pane = p->serial;
    key->group = group;
    return group;
}

static void add_later(struct windows *w, struct slice key, const struct aggregate_input *in) {
    struct waiting *e = &w->waiting[w->n_waiting++];
    e->pane = w->at.pane;
    e->key_n = (uint32_t)key.n;
    if (key.n) memcpy(e->key, key.p, key.n);
    e->hash = keys_hash(&w->keys, key);
    keys_expect(&w->keys, e->hash);
    for (size_t i = 0; i < w->waiting_inputs; i++) e->in[i] = in[i];
    if (w->n_waiting == WAITING) windows_settle(w);
}

void windows_settle(struct windows *w) {
    struct waiting *end = w->waiting + w->n_waiting;
    bool is_new;
    w->n_waiting = 0;
    for (struct waiting *e = w->waiting; e < end; e++) keys_expect_soon(&w->keys, e->hash);
    for (struct waiting *e = w->waiting; e < end; e++) {
        uint32_t number = keys_put(&w->keys, (struct slice){e->key, e->key_n}, e->hash);
        e->group = windows_group(w, e->pane, number, &is_new);
        if (w->tracks) table_mark(&e->pane->groups, e->group);
        __builtin_prefetch(table_group(&e->pane->groups, e->group), 1);
    }
    for (struct waiting *e = w->waiting; e < end; e++)
        aggregates_add(
            w->aggregates, table_group(&e->pane->groups, e->group), e->in, 0, (struct slice){0});
}

static void add_now(struct windows *w, uint32_t number, const struct aggregate_input *in,
    int64_t time, struct slice text) {
    bool is_new;
    struct pane *p = w->at.pane;
    uint32_t group = windows_group(w, p, number, &is_new);
    if (w->tracks) table_mark(&p->groups, group);
    aggregates_add(w->aggregates, table_group(&p->groups, group), in, time, text);
    for (int i = 0; i < w->n_cursors; i++)
        if (p->in_total[i]) windows_total_add(w, i, number, is_new, in, time, text);
}

/* Does a window no longer take events? */
static bool is_closed(const struct windows *w, int64_t end, int64_t watermark) {
    return time_add(end, w->spec.allowed_lateness) <= watermark;
}

/* The watermark has passed the pane: the event may be late for some of its windows or all, or
 * correct some. */
static void add_behind(struct windows *w, int64_t time, int64_t watermark, struct slice key,
    const struct aggregate_input *in, struct slice text, struct window_place *place) {
    if (is_closed(w, w->at.last_end, watermark)) {
        place->fate = WINDOW_LATE;
        return;
    }
    int64_t end = w->at.end;
    for (; is_closed(w, end, watermark); end = window_step(w, end, 1)) place->missed++;
    if (!w->at.pane) pane_new(w, watermark);
    uint32_t number = keys_put(&w->keys, key, keys_hash(&w->keys, key));
    if (w->spec.corrections) windows_plan_corrections(w, watermark, end, number);
    add_now(w, number, in, time, text);
}

struct window_place windows_add(struct windows *w, int64_t time, int64_t watermark,
    struct slice key, const struct aggregate_input *in, struct slice text) {
    if (time < w->at.start || time >= w->at.end) find_pane(w, time);
    struct window_place place = {.window_start = w->at.start, .window_end = w->at.last_end};
    if (watermark >= w->at.end) {
        add_behind(w, time, watermark, key, in, text, &place);
        return place;
    }
    if (!w->at.pane) pane_new(w, watermark);
    if (w->waiting_inputs && key.n <= WAITING_KEY) add_later(w, key, in);
    else add_now(w, keys_put(&w->keys, key, keys_hash(&w->keys, key)), in, time, text);
    return place;
}

/* ---- questions ---- */

bool windows_due(const struct windows *w, int64_t watermark) { return watermark >= w->due; }

int64_t windows_hold(const struct windows *w, int64_t watermark) {
    if (watermark == TIME_NONE || watermark == TIME_END) return watermark;
    int64_t closed = time_add(watermark, -w->spec.allowed_lateness);
    if (closed < TIME_MIN) return TIME_NONE;
    int64_t first = window_step(w, window_boundary(w, closed), 1);
    int64_t open = windows_next_end(w, &w->cursors[w->n_cursors - 1]);
    return (open < first ? open : first) - 1;
}

int64_t windows_first_end(const struct windows *w) {
    return windows_next_end(w, &w->cursors[ON_TIME]);
}

size_t windows_open(const struct windows *w) {
    size_t open = 0;
    int64_t done = w->cursors[w->n_cursors - 1].passed;
    for (size_t i = 0; i < w->panes.n; i++) {
        const struct pane *p = panes_at(&w->panes, i);
        if (p->start > done) done = p->start;
        for (int64_t end = p->last_end; end > done; end = window_step(w, end, -1)) open++;
        if (p->last_end > done) done = p->last_end;
    }
    return open;
}

size_t windows_groups(const struct windows *w) {
    size_t groups = 0;
    for (size_t i = 0; i < w->panes.n; i++) groups += panes_at(&w->panes, i)->groups.n;
    return groups;
}

size_t windows_bytes(const struct windows *w) {
    size_t bytes =
        sizeof *w + w->panes.cap * sizeof *w->panes.list + w->touched_cap * sizeof *w->touched;
    for (size_t i = 0; i < w->panes.n; i++)
        bytes += sizeof(struct pane) + table_bytes(&panes_at(&w->panes, i)->groups);
    for (size_t i = 0; i < w->n_touched; i++) bytes += table_bytes(&w->touched[i].versions);
    for (int i = 0; i < w->n_cursors; i++) bytes += table_bytes(&w->cursors[i].total);
    return bytes + keys_memory(&w->keys) + aggregates_aside(w->aggregates);
}
