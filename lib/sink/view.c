#include <stdlib.h>

#include "sink/folder.h"

/* ---- lists of names ---- */

void names_add(struct names *l, struct slice name) {
    if ((l->n & (l->n - 1)) == 0) l->all = mem_grow(l->all, l->n ? 2 * l->n : 1, sizeof *l->all);
    l->all[l->n++] = mem_str(name);
}

void names_free(struct names *l) {
    for (size_t i = 0; i < l->n; i++) free(l->all[i]);
    free(l->all);
    *l = (struct names){0};
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *l) {
    if (l->n) qsort(l->all, l->n, sizeof *l->all, by_name);
}

static int against(const void *key, const void *item) {
    return slice_cmp(*(const struct slice *)key, slice_of(*(char *const *)item));
}

bool names_has(const struct names *l, struct slice name) {
    return l->n && bsearch(&name, l->all, l->n, sizeof *l->all, against);
}

void names_without(struct names *l, const struct names *other) {
    struct names rest = {0};
    for (size_t i = 0; i < l->n; i++)
        if (!names_has(other, slice_of(l->all[i]))) names_add(&rest, slice_of(l->all[i]));
    names_free(l);
    *l = rest;
}

/* ---- whose the lines of a log are ---- */

static bool is_text(const char *mine, struct slice s) {
    return mine ? s.p && slice_is(s, mine) : !s.p;
}

static bool is_key(const struct log_key *k, const struct log_line *txn) {
    return is_text(k->run, txn->run) && is_text(k->sink, txn->sink) &&
           is_text(k->pipeline, txn->pipeline);
}

/* Lines of one key mostly follow one another. */
static struct log_key *find_key(struct log_view *v, const struct log_line *txn) {
    if (v->n && is_key(&v->keys[v->last], txn)) return &v->keys[v->last];
    for (v->last = 0; v->last < v->n; v->last++)
        if (is_key(&v->keys[v->last], txn)) return &v->keys[v->last];
    v->keys = mem_grow(v->keys, v->n + 1, sizeof *v->keys);
    v->keys[v->n] = (struct log_key){
        .sink = mem_str(txn->sink),
        .run = mem_str(txn->run),
        .pipeline = txn->pipeline.p ? mem_str(txn->pipeline) : NULL,
    };
    return &v->keys[v->n++];
}

void view_note(struct log_view *v, const struct log_line *txn) {
    struct log_key *k = find_key(v, txn);
    if (!is_text(k->uuid, txn->uuid)) {
        free(k->uuid);
        k->uuid = txn->uuid.p ? mem_str(txn->uuid) : NULL;
    }
    k->generation = txn->generation;
    k->epoch = txn->epoch;
    k->plan = txn->plan;
    k->rerun = txn->rerun;
    k->order = ++v->order;
    /* Whoever writes a record for a sink has finished its last one. */
    for (size_t i = 0; i < v->n; i++)
        if (v->keys[i].removes.n && strcmp(v->keys[i].sink, k->sink) == 0)
            names_free(&v->keys[i].removes);
}

void view_remove(struct log_view *v, struct slice path) {
    if (v->n) names_add(&v->keys[v->last].removes, path);
}

void view_forget_removes(struct log_view *v) {
    for (size_t i = 0; i < v->n; i++) names_free(&v->keys[i].removes);
}

void view_free(struct log_view *v) {
    view_forget_removes(v);
    for (size_t i = 0; i < v->n; i++) {
        free(v->keys[i].sink);
        free(v->keys[i].run);
        free(v->keys[i].pipeline);
        free(v->keys[i].uuid);
    }
    free(v->keys);
    *v = (struct log_view){0};
}

static struct slice text_of(const char *s) { return s ? slice_of(s) : (struct slice){0}; }

struct log_line view_line(const struct log_key *k) {
    return (struct log_line){.kind = LOG_TXN,
        .sink = slice_of(k->sink),
        .run = slice_of(k->run),
        .pipeline = text_of(k->pipeline),
        .uuid = text_of(k->uuid),
        .generation = k->generation,
        .epoch = k->epoch,
        .plan = k->plan,
        .rerun = k->rerun};
}
