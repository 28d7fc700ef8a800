/* How shapes are learned, and when trying them pays.
 *
 * A line costs a try, and where that misses the general scan as well. So outcomes are counted over windows
 * of TRIES lines: where fewer than a quarter hit, everything is forgotten and the next lines are not tried,
 * at first REST of them, then twice as many each time. New shapes cost some three general scans each:
 * LEARN_FIRST at once, then one for each LEARN_EVERY lines tried. So input without any shape costs a few percent
 * more than the general scan alone, and input whose shape changes is soon fast again. */
#include <stdlib.h>
#include <string.h>

#include "json/inner.h"

enum { TRIES = 256, REST = 4096, MAX_DOUBLINGS = 6, LEARN_FIRST = 32, LEARN_EVERY = 64 };

/* Of one line, and of all. */
enum { MAX_SLOTS = 256, MAX_LITERAL = 16384, MAX_MARKS = 64 };
enum { MAX_SHAPES = 4096, MAX_LITERALS = 256 * 1024, MAX_ALL_MARKS = 4096, MAX_OTHERS = 16 };
/* Behind the literals, at least an engine's block. */
enum { PADDING = 64 };

bool shapes_try(struct shapes *t) {
    if (t->rest == 0) return true;
    t->rest--;
    return false;
}

static void forget(struct shapes *t) {
    t->first = t->n = t->n_marks = t->learned = 0;
    t->literals.n = 0;
}

static void judge(struct shapes *t) {
    bool pays = t->hit >= TRIES / 4;
    if (pays) {
        t->failed = 0;
        t->learned = t->learned > TRIES / LEARN_EVERY ? t->learned - TRIES / LEARN_EVERY : 0;
    } else {
        forget(t);
        t->rest = (uint32_t)REST << (t->failed < MAX_DOUBLINGS ? t->failed++ : MAX_DOUBLINGS);
    }
    t->tried = t->hit = 0;
}

void shapes_tried(struct shapes *t, bool hit) {
    t->hit += hit;
    if (++t->tried == TRIES) judge(t);
}

void shapes_free(struct shapes *t) {
    free(t->nodes);
    free(t->marks);
    buf_free(&t->literals);
    *t = (struct shapes){0};
}

/* ---- cutting an accepted line into literals and values ---- */

struct piece {
    const char *p; /* the literal */
    size_t n;
    int want;      /* of the value behind it */
    int mark;      /* its first mark, of n_marks */
    int n_marks;
};

struct cut {
    const struct json_field *fields;
    int n_fields;
    struct piece pieces[MAX_SLOTS + 1];
    int n;
    struct mark marks[MAX_MARKS];
    int n_marks;
};

/* The wanted value that begins at p (of a string, behind its quote), or -1. */
static int wanted_at(struct cut *c, const char *p) {
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind != JSON_MISSING && c->fields[i].p == p) return i;
    return -1;
}

static bool add_mark(struct cut *c, int what, const char *at, int want) {
    struct piece *piece = &c->pieces[c->n];
    if (c->n_marks == MAX_MARKS) return false;
    if (piece->n_marks++ == 0) piece->mark = c->n_marks;
    c->marks[c->n_marks++] = (struct mark){
        .what = what, .at = (uint16_t)(at - piece->p), .want = want};
    return true;
}

/* The wanted objects and arrays that begin at p or end in front of it. */
static bool mark_bracket(struct cut *c, const char *p) {
    for (int i = 0; i < c->n_fields; i++) {
        const struct json_field *f = &c->fields[i];
        if (f->kind < JSON_OBJECT) continue;
        if (f->p == p && !add_mark(c, MARK_BEGIN, p, i)) return false;
        if (f->p + f->n == p + 1 && !add_mark(c, MARK_END, p + 1, i)) return false;
    }
    return true;
}

/* Is the string that ends at p a key? */
static bool is_key(const char *p, const char *end) {
    while (p < end && is_space(*p)) p++;
    return p < end && *p == ':';
}

/* Ends the current piece with the value [p, behind). */
static bool cut_value(struct cut *c, const char *p, const char *behind) {
    struct piece *piece = &c->pieces[c->n];
    piece->n = (size_t)(p - piece->p);
    piece->want = wanted_at(c, *p == '"' ? p + 1 : p);
    if (++c->n > MAX_SLOTS) return false;
    c->pieces[c->n] = (struct piece){.p = behind, .want = -1};
    return true;
}

/* False: not worth remembering. The last piece is what is behind the last value. */
static bool cut_line(struct cut *c, struct slice text) {
    const char *p = text.p, *end = p + text.n;
    while (is_space(*p)) p++;
    if (*p != '{') return false;
    p = text.p;
    c->pieces[0] = (struct piece){.p = p, .want = -1};
    while (p < end) {
        bool escaped, ok = true;
        const char *behind = p + 1;
        if (*p == '"') {
            behind = past_string(p, &escaped);
            if (!is_key(behind, end)) ok = cut_value(c, p, behind);
        } else if (*p == '{' || *p == '[' || *p == '}' || *p == ']') {
            ok = mark_bracket(c, p);
        } else if (*p == '\n' || *p == '\r') {
            ok = false; /* would be the end of a line */
        } else if (*p != ',' && *p != ':' && !is_space(*p)) {
            behind = past_word(p, end);
            ok = cut_value(c, p, behind);
        }
        if (!ok) return false;
        p = behind;
    }
    c->pieces[c->n].n = (size_t)(end - c->pieces[c->n].p);
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind == JSON_MISSING && !add_mark(c, MARK_MISSING, c->pieces[c->n].p, i))
            return false;
    return true;
}

/* ---- the tree ---- */

static bool fits(const struct shapes *t, const struct cut *c, size_t text_n) {
    size_t literal_n = 0;
    for (int i = 0; i <= c->n; i++) literal_n += c->pieces[i].n;
    return literal_n <= MAX_LITERAL && t->literals.n + text_n <= MAX_LITERALS &&
           t->n + (uint32_t)c->n + 1 < MAX_SHAPES && t->n_marks + (uint32_t)c->n_marks < MAX_ALL_MARKS;
}

/* For all nodes and marks of this line, so that nothing moves while it is added. */
static void make_room(struct shapes *t, const struct cut *c) {
    uint32_t nodes = t->n + (uint32_t)c->n + 2, marks = t->n_marks + (uint32_t)c->n_marks + 1;
    if (nodes > t->nodes_cap) {
        t->nodes_cap = nodes * 2;
        t->nodes = mem_grow(t->nodes, t->nodes_cap, sizeof *t->nodes);
    }
    if (marks > t->marks_cap) {
        t->marks_cap = marks * 2;
        t->marks = mem_grow(t->marks, t->marks_cap, sizeof *t->marks);
    }
}

static uint16_t add_marks(struct shapes *t, const struct cut *c, const struct piece *piece) {
    if (piece->n_marks == 0) return 0;
    uint32_t first = t->n_marks + 1;
    for (int i = 0; i < piece->n_marks; i++) t->marks[++t->n_marks] = c->marks[piece->mark + i];
    t->marks[t->n_marks].last = true;
    return (uint16_t)first;
}

static uint32_t add_shape(struct shapes *t, const struct cut *c, const struct piece *piece) {
    uint32_t i = ++t->n;
    t->nodes[i] = (struct shape){.literal = (uint32_t)t->literals.n,
        .literal_n = (uint16_t)piece->n,
        .marks = add_marks(t, c, piece),
        .want = piece->want};
    buf_add(&t->literals, piece->p, piece->n);
    memset(buf_reserve(&t->literals, PADDING), 0, PADDING);
    return i;
}

/* Among the alternatives at *link the one for this piece; if there is none, 0 and *link is where it
 * belongs; or UINT32_MAX where there are too many. */
static uint32_t find_shape(const struct shapes *t, const struct piece *piece, bool leaf, uint32_t **link) {
    struct slice literal = {piece->p, piece->n};
    int others = 0;
    for (; **link != 0; *link = &t->nodes[**link].other) {
        const struct shape *shape = &t->nodes[**link];
        struct slice known = {t->literals.p + shape->literal, shape->literal_n};
        if (slice_eq(known, literal) && (shape->next == 0) == leaf) return **link;
        if (++others == MAX_OTHERS) return UINT32_MAX;
    }
    return 0;
}

void shapes_learn(struct shapes *t, struct slice text, const struct json_field *fields, int n) {
    if (t->learned >= LEARN_FIRST || n > MAX_MARKS) return;
    t->learned++;
    struct cut cut;
    cut.fields = fields;
    cut.n_fields = n;
    cut.n = cut.n_marks = 0;
    if (!cut_line(&cut, text) || !fits(t, &cut, text.n)) return;
    make_room(t, &cut);
    uint32_t *link = &t->first;
    for (int i = 0; i <= cut.n; i++) {
        uint32_t shape = find_shape(t, &cut.pieces[i], i == cut.n, &link);
        if (shape == UINT32_MAX) return;
        if (shape == 0) shape = *link = add_shape(t, &cut, &cut.pieces[i]);
        link = &t->nodes[shape].next;
    }
}
