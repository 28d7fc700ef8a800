#include <stdlib.h>

#include "base/buf.h"
#include "op/window_state.h"

/* ---- moments ---- */

int64_t windows_next_end(const struct windows *w, const struct cursor *c) {
    size_t i = panes_with_window_after(&w->panes, c->passed);
    if (i == w->panes.n) return TIME_END;
    int64_t end = panes_at(&w->panes, i)->end;
    return end > c->passed ? end : window_step(w, window_boundary(w, c->passed), 1);
}

static void set_due(struct windows *w) {
    w->due = TIME_END;
    for (int i = 0; i < w->n_cursors; i++) {
        int64_t moment = time_add(windows_next_end(w, &w->cursors[i]), w->cursors[i].delay);
        if (moment < w->due) w->due = moment;
    }
}

void windows_pass(struct windows *w, int64_t watermark) {
    for (int i = 0; i < w->n_cursors; i++) {
        struct cursor *c = &w->cursors[i];
        int64_t end = watermark == TIME_NONE ? TIME_NONE : time_add(watermark, -c->delay);
        if (end > c->passed) c->passed = end;
    }
    set_due(w);
}

/* ---- totals of hopping windows ---- */

static uint64_t *holders_of(const struct windows *w, const struct table *total, uint32_t group) {
    return (uint64_t *)((char *)table_group(total, group) + w->layout);
}

static void total_add_pane(struct windows *w, int cursor, struct pane *p) {
    struct table *total = &w->cursors[cursor].total;
    for (uint32_t g = 0; g < p->groups.n; g++) {
        uint32_t group = table_put(total, *table_key(&p->groups, g));
        ++*holders_of(w, total, group);
        aggregates_merge(w->aggregates, table_group(total, group), table_group(&p->groups, g));
    }
    p->in_total[cursor] = true;
}

/* A key's group anew from the panes that are in the total. */
static void total_again(struct windows *w, int cursor, uint32_t key, void *group) {
    aggregates_clear(w->aggregates, group);
    for (size_t i = panes_after(&w->panes, w->firing.start); i < w->panes.n; i++) {
        const struct pane *p = panes_at(&w->panes, i);
        if (p->start >= w->firing.end) break;
        if (!p->in_total[cursor]) continue;
        uint32_t g = table_find(&p->groups, key);
        if (g != TABLE_NONE) aggregates_merge(w->aggregates, group, table_group(&p->groups, g));
    }
}

static void total_take_pane(struct windows *w, int cursor, struct pane *p) {
    struct table *total = &w->cursors[cursor].total;
    p->in_total[cursor] = false;
    for (uint32_t g = 0; g < p->groups.n; g++) {
        uint32_t key = *table_key(&p->groups, g), group = table_find(total, key);
        void *sum = table_group(total, group);
        if (--*holders_of(w, total, group) == 0) {
            aggregates_clear(w->aggregates, sum);
            table_remove(total, group);
        } else if (!aggregates_unmerge(w->aggregates, sum, table_group(&p->groups, g))) {
            total_again(w, cursor, key, sum);
        }
    }
}

void windows_total_add(struct windows *w, int cursor, uint32_t key, bool new_in_pane,
    const struct aggregate_input *in, int64_t time, struct slice text) {
    struct table *total = &w->cursors[cursor].total;
    uint32_t group = table_put(total, key);
    *holders_of(w, total, group) += new_in_pane;
    aggregates_add(w->aggregates, table_group(total, group), in, time, text);
}

/* ---- corrections ---- */

struct touched *windows_touch(struct windows *w, int64_t end) {
    size_t i = w->n_touched;
    while (i > 0 && w->touched[i - 1].end > end) i--;
    if (i > 0 && w->touched[i - 1].end == end) return &w->touched[i - 1];
    if (w->n_touched == w->touched_cap) {
        w->touched_cap = w->touched_cap ? 2 * w->touched_cap : 4;
        w->touched = mem_grow(w->touched, w->touched_cap, sizeof *w->touched);
    }
    memmove(&w->touched[i + 1], &w->touched[i], (w->n_touched++ - i) * sizeof *w->touched);
    w->touched[i] = (struct touched){.end = end, .versions.size = sizeof(uint64_t)};
    return &w->touched[i];
}

static uint64_t *version_at(const struct table *versions, uint32_t key) {
    uint32_t group = table_find(versions, key);
    return group == TABLE_NONE ? NULL : table_group(versions, group);
}

void windows_plan_corrections(struct windows *w, int64_t watermark, int64_t end, uint32_t key) {
    int64_t start = window_step(w, end, -w->panes_each), held = TIME_NONE;
    size_t i = panes_after(&w->panes, start);
    w->corrections = (struct corrections){.key = key, .start = start, .end = end, .last = end - 1};
    while (end <= watermark && end <= w->at.last_end) {
        for (; i < w->panes.n && panes_at(&w->panes, i)->start < end; i++)
            if (table_find(&panes_at(&w->panes, i)->groups, key) != TABLE_NONE)
                held = panes_at(&w->panes, i)->start; /* the newest that holds the key */
        struct table *versions = &windows_touch(w, end)->versions;
        uint64_t *version = version_at(versions, key);
        if (!version) {
            version = table_group(versions, table_add(versions, key));
            *version = held >= start; /* it has come out once if it is in the window */
        }
        ++*version;
        if (w->tracks) table_mark(versions, table_find(versions, key));
        w->corrections.last = end;
        w->due = TIME_NONE;
        start = window_step(w, start, 1);
        end = window_step(w, end, 1);
    }
}

/* The key's group in the pane that begins at `start`, or NULL. */
static const void *group_at(const struct windows *w, int64_t start, uint32_t key) {
    size_t i = panes_after(&w->panes, start);
    if (i == w->panes.n || panes_at(&w->panes, i)->start != start) return NULL;
    const struct table *groups = &panes_at(&w->panes, i)->groups;
    uint32_t group = table_find(groups, key);
    return group == TABLE_NONE ? NULL : table_group(groups, group);
}

/* The window's panes merged for the one key. */
static void correct(struct windows *w) {
    const struct corrections *c = &w->corrections;
    aggregates_clear(w->aggregates, w->scratch);
    for (size_t i = panes_after(&w->panes, c->start);
         i < w->panes.n && panes_at(&w->panes, i)->start < c->end; i++) {
        const struct table *groups = &panes_at(&w->panes, i)->groups;
        uint32_t g = table_find(groups, c->key);
        if (g != TABLE_NONE) aggregates_merge(w->aggregates, w->scratch, table_group(groups, g));
    }
}

/* The same from the window before: one pane goes, one comes. */
static void correct_next(struct windows *w) {
    const struct corrections *c = &w->corrections;
    const void *gone = group_at(w, window_step(w, c->start, -1), c->key),
               *come = group_at(w, window_step(w, c->end, -1), c->key);
    if (gone && !aggregates_unmerge(w->aggregates, w->scratch, gone)) correct(w);
    else if (come) aggregates_merge(w->aggregates, w->scratch, come);
}

static void correction_row(struct windows *w, struct window_row *out) {
    struct corrections *c = &w->corrections;
    if (c->under_way) correct_next(w);
    else correct(w);
    *out = (struct window_row){
        .start = c->start,
        .end = c->end,
        .key = keys_bytes(keys_at(&w->keys, c->key)),
        .group = w->scratch,
        .version = (uint32_t)*version_at(&windows_touch(w, c->end)->versions, c->key),
        .is_correction = true,
    };
    c->under_way = true;
    c->start = window_step(w, c->start, 1);
    c->end = window_step(w, c->end, 1);
}

/* ---- firing ---- */

static void gather(struct windows *w, struct firing *f) {
    int cursor = (int)(f->cursor - w->cursors);
    for (size_t i = panes_after(&w->panes, f->start);
         i < w->panes.n && panes_at(&w->panes, i)->start < f->end; i++) {
        struct pane *p = panes_at(&w->panes, i);
        if (w->panes_each == 1) {
            f->groups = &p->groups;
            f->serial = p->serial;
            return;
        }
        if (!p->in_total[cursor]) total_add_pane(w, cursor, p);
    }
    f->groups = &f->cursor->total;
}

/* Rows come by walking the dictionary's order, or, where the window holds but a few of its keys, by
 * sorting those. */
enum { WALK_AT_MOST = 16, AHEAD = 8 };

static void sort_groups(struct windows *w, struct firing *f) {
    uint32_t n = f->groups->n;
    f->at = 0;
    if (w->keys.n / WALK_AT_MOST <= n) {
        keys_order(&w->keys);
        return;
    }
    f->sorted = mem_grow(NULL, n, sizeof *f->sorted);
    for (uint32_t g = 0; g < n; g++)
        f->sorted[g] = (struct key_item){.key = *table_key(f->groups, g), .group = g};
    keys_sort(&w->keys, f->sorted, n);
}

static bool next_group(struct windows *w, uint32_t *key, uint32_t *group) {
    struct firing *f = &w->firing;
    if (f->sorted) {
        if (f->at == f->groups->n) return false;
        *key = f->sorted[f->at].key;
        *group = f->sorted[f->at++].group;
        return true;
    }
    while (f->at < w->keys.n) {
        if (f->at + AHEAD < w->keys.n)
            __builtin_prefetch(keys_at(&w->keys, w->keys.order[f->at + AHEAD]));
        *key = w->keys.order[f->at++];
        const struct key *k = keys_at(&w->keys, *key);
        if (k->holders == 0) continue;
        *group = k->pane == f->serial ? k->group : table_find(f->groups, *key);
        if (*group != TABLE_NONE) return true;
    }
    return false;
}

/* The window whose moment comes first; of one moment the one that ends first, the on-time rows
 * before the final ones. */
static bool begin_firing(struct windows *w, int64_t watermark) {
    int64_t best = TIME_END;
    struct firing *f = &w->firing;
    for (int i = w->n_cursors - 1; i >= 0; i--) {
        struct cursor *c = &w->cursors[i];
        int64_t end = windows_next_end(w, c), moment = time_add(end, c->delay);
        if (end == TIME_END || moment > watermark || moment > best) continue;
        if (f->cursor && moment == best && end > f->end) continue;
        best = moment;
        f->cursor = c;
        f->end = end;
    }
    if (!f->cursor) return false;
    f->start = window_step(w, f->end, -w->panes_each);
    gather(w, f);
    sort_groups(w, f);
    return true;
}

/* The first pane: no window needs it any more. */
static void drop_pane(struct windows *w) {
    struct pane *p = panes_at(&w->panes, 0);
    bool aside = aggregates_aside(w->aggregates) > 0;
    for (uint32_t g = 0; g < p->groups.n; g++) {
        keys_release(&w->keys, *table_key(&p->groups, g));
        if (aside) aggregates_clear(w->aggregates, table_group(&p->groups, g));
    }
    if (w->at.pane == p) w->at.pane = NULL;
    w->forgotten[WINDOW_GROUPS] = p->end;
    panes_drop_first(&w->panes);
}

static void forget_touched(struct windows *w, int64_t end) {
    w->forgotten[WINDOW_VERSIONS] = end + 1;
    if (!w->n_touched || w->touched[0].end != end) return;
    table_free(&w->touched[0].versions);
    memmove(w->touched, w->touched + 1, --w->n_touched * sizeof *w->touched);
}

static void end_firing(struct windows *w) {
    struct firing *f = &w->firing;
    int cursor = (int)(f->cursor - w->cursors);
    f->cursor->passed = f->end;
    size_t i = panes_after(&w->panes, f->start);
    struct pane *oldest = panes_at(&w->panes, i);
    if (oldest->start == f->start) {
        if (oldest->in_total[cursor]) total_take_pane(w, cursor, oldest);
        if (cursor == w->n_cursors - 1) drop_pane(w);
    }
    if (cursor == FINAL) forget_touched(w, f->end);
    free(f->sorted);
    *f = (struct firing){0};
    keys_forget_idle(&w->keys);
}

static void fill_row(
    const struct windows *w, uint32_t key, uint32_t group, struct window_row *out) {
    const struct firing *f = &w->firing;
    *out = (struct window_row){
        .start = f->start,
        .end = f->end,
        .key = keys_bytes(keys_at(&w->keys, key)),
        .group = table_group(f->groups, group),
        .version = 1,
        .final = !w->spec.corrections,
    };
    if (f->cursor != &w->cursors[FINAL]) return;
    out->final = out->is_correction = true;
    bool touched = w->n_touched && w->touched[0].end == f->end;
    const uint64_t *version = touched ? version_at(&w->touched[0].versions, key) : NULL;
    out->version = (version ? (uint32_t)*version : 1) + 1;
}

bool windows_row(struct windows *w, int64_t watermark, struct window_row *out) {
    windows_settle(w);
    if (w->corrections.end <= w->corrections.last) {
        correction_row(w, out);
        return true;
    }
    w->due = TIME_NONE; /* as long as rows are being taken */
    while (w->firing.cursor || begin_firing(w, watermark)) {
        uint32_t key, group;
        if (next_group(w, &key, &group)) {
            fill_row(w, key, group, out);
            return true;
        }
        end_firing(w);
    }
    windows_pass(w, watermark);
    return false;
}
