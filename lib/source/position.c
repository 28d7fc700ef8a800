#include "source/position.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "source/source.h"

void positions_free(struct positions *p) {
    for (size_t i = 0; i < p->n; i++) free(p->of[i].path);
    free(p->of);
    free(p->open);
    *p = (struct positions){0};
}

struct positions positions_copy(const struct positions *p) {
    struct positions copy = *p;
    copy.of = mem_zero(p->n + 1, sizeof *copy.of);
    if (p->open) copy.open = mem_str(slice_of(p->open));
    for (size_t i = 0; i < p->n; i++) {
        copy.of[i] = p->of[i];
        copy.of[i].path = mem_str(slice_of(p->of[i].path));
    }
    return copy;
}

void positions_keep(struct positions *p, const struct positions *before) {
    p->of = mem_grow(p->of, p->n + before->n + 1, sizeof *p->of);
    struct position_index listed = position_index_new(p);
    for (size_t i = 0; i < before->n; i++) {
        if (position_index_find(&listed, before->of[i].path)) continue;
        p->of[p->n] = before->of[i];
        p->of[p->n].path = mem_str(slice_of(before->of[i].path));
        p->of[p->n++].absent = true;
    }
    position_index_free(&listed);
}

const struct input_position *positions_find(const struct positions *p, const char *path) {
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->of[i].path, path) == 0) return &p->of[i];
    return NULL;
}

static int by_path(const void *a, const void *b) {
    const struct input_position *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

static int against(const void *path, const void *item) {
    return strcmp(path, (*(const struct input_position *const *)item)->path);
}

struct position_index position_index_new(const struct positions *p) {
    struct position_index x = {mem_zero(p->n + 1, sizeof *x.by_path), p->n};
    for (size_t i = 0; i < p->n; i++) x.by_path[i] = &p->of[i];
    qsort(x.by_path, x.n, sizeof *x.by_path, by_path);
    return x;
}

const struct input_position *position_index_find(const struct position_index *x, const char *path) {
    const struct input_position **at = bsearch(path, x->by_path, x->n, sizeof *x->by_path, against);
    return at ? *at : NULL;
}

void position_index_free(struct position_index *x) {
    free(x->by_path);
    *x = (struct position_index){0};
}

void position_add(struct input_position *p, struct slice text) {
    p->records++;
    p->last = text.n;
    p->before = p->check;
    p->check = hash_bytes(text.p, text.n, p->before);
}

bool position_changed(struct err *e) {
    return err_set(e, EXIT_BAD_DATA,
        "has changed where an earlier run had read it: put it back, or begin anew with "
        "--reset-state");
}

bool position_reach(const struct input_position *p, struct decoder *d, struct err *e) {
    struct input_position at = {0};
    while (at.records < p->records) {
        struct event ev = {.text = {"", 0}};
        struct err ignored;
        enum decoded what = d->next(d, &ev, &ignored);
        if (what > DECODED_CONTROL) return position_changed(e);
        position_add(&at, ev.text);
    }
    return at.check == p->check || position_changed(e);
}

bool position_is_there(const struct input_position *p) {
    struct buf tail = {0};
    if (!p->last) return true;
    if (p->last > p->offset) return false;
    bool ok = source_tail(p->path, p->offset, p->last + 1, &tail);
    /* A last line may have no newline. */
    bool newline = ok && tail.p[p->last] == '\n';
    if (!ok) ok = source_tail(p->path, p->offset, p->last, &tail);
    ok = ok && hash_bytes(tail.p + (tail.n > p->last && !newline), p->last, p->before) == p->check;
    buf_free(&tail);
    return ok;
}
