/* How shapes are learned, and when trying them pays.
 *
 * A line costs a try, and where that misses the general scan as well. So outcomes are counted
 * over windows of SHAPE_TRIES lines: where fewer than a quarter hit, everything is forgotten and
 * the next lines are not tried, at first REST of them, then twice as many each time. A new shape
 * costs some three general scans: LEARN_FIRST are free, then one for each LEARN_EVERY lines
 * tried. So input without any shape costs a few percent more than the general scan alone, and
 * input whose shape changes is soon fast again. */
#include <stdlib.h>
#include <string.h>

#include "json/inner.h"

enum {
    REST = 4096,
    MAX_DOUBLINGS = 6,
    LEARN_FIRST = 32,
    LEARN_EVERY = 64,
    FORGIVE = 4,
    FORGIVE_ALL = 64
};

/* Of one line, and of all. */
enum { MAX_STEPS = 1024, MAX_MARKS = 64 };
enum { MAX_SHAPES = 8192, MAX_ALL_MARKS = 4096, MAX_OTHERS = 16 };

static void forget(struct shapes *t) { t->first = t->n = t->n_marks = t->learned = 0; }

/* Fields whose width is guessed may err in a quarter of the lines; those that erred more may have
 * settled after a while, as may those with odd strings. */
static void forgive(struct shapes *t, bool all) {
    for (uint32_t i = 1; i <= t->n; i++) {
        struct shape *shape = &t->nodes[i];
        if (all) shape->mixed = 0;
        if (all && shape->width == 0) shape->width = 1;
        if (shape->width) shape->misjudged = 0;
    }
}

void shapes_judge(struct shapes *t) {
    if (++t->windows % FORGIVE == 0) forgive(t, t->windows % FORGIVE_ALL == 0);
    bool pays = t->hit >= SHAPE_TRIES / 4;
    if (pays) {
        t->failed = 0;
        t->learned =
            t->learned > SHAPE_TRIES / LEARN_EVERY ? t->learned - SHAPE_TRIES / LEARN_EVERY : 0;
    } else {
        forget(t);
        t->rest = (uint32_t)REST << (t->failed < MAX_DOUBLINGS ? t->failed++ : MAX_DOUBLINGS);
    }
    t->tried = t->hit = 0;
}

void shapes_free(struct shapes *t) {
    free(t->nodes);
    free(t->marks);
    *t = (struct shapes){0};
}

/* ---- cutting an accepted line into literals and values ---- */

/* What will be a node. */
struct step {
    const char *p; /* the literal's place in the line */
    size_t n;
    char literal[LITERAL_MAX + 1];
    enum shape_kind kind;
    int want;
    size_t width;
    int mark, n_marks;
};

struct cut {
    const struct json_field *fields;
    int n_fields;
    struct step steps[MAX_STEPS];
    int n; /* the last one is being made */
    struct mark marks[MAX_MARKS];
    int n_marks;
    bool full;
};

static void begin_step(struct cut *c, const char *p) {
    c->full |= c->n == MAX_STEPS;
    if (!c->full)
        c->steps[c->n++] =
            (struct step){.p = p, .kind = SHAPE_MORE, .want = -1, .mark = c->n_marks};
}

static void add_byte(struct cut *c, char byte, const char *behind) {
    struct step *step = &c->steps[c->n - 1];
    if (c->full) return;
    step->literal[step->n++] = byte;
    if (step->n == LITERAL_MAX) begin_step(c, behind);
}

static void add_literal(struct cut *c, const char *p, const char *behind) {
    for (; p < behind; p++) add_byte(c, *p, p + 1);
}

static void add_mark(struct cut *c, int what, const char *at, int want) {
    struct step *step = &c->steps[c->n - 1];
    c->full |= c->n_marks == MAX_MARKS;
    if (c->full) return;
    c->marks[c->n_marks++] =
        (struct mark){.what = what, .at = (uint8_t)(at - step->p), .want = want};
    step->n_marks++;
}

/* The bracket at p may begin a wanted object or array, or end one. */
static void add_bracket(struct cut *c, const char *p) {
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind >= JSON_OBJECT && c->fields[i].p == p) add_mark(c, MARK_BEGIN, p, i);
    add_literal(c, p, p + 1);
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind >= JSON_OBJECT && c->fields[i].p + c->fields[i].n == p + 1)
            add_mark(c, MARK_END, p + 1, i);
}

/* The scalar value [p, behind), of which content is the first byte behind a quote. */
static void add_value(struct cut *c, const char *p, const char *content, const char *behind) {
    if (c->steps[c->n - 1].n_marks) begin_step(c, p);
    struct step *step = &c->steps[c->n - 1];
    step->kind = SHAPE_VALUE;
    step->literal[step->n] = '"';
    step->width = (size_t)(behind - p) - (content > p ? 2 : 0);
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind != JSON_MISSING && c->fields[i].p == content) step->want = i;
    begin_step(c, behind - 1);
    add_byte(c, '"', behind);
}

static void add_end(struct cut *c, const char *end) {
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].kind == JSON_MISSING) add_mark(c, MARK_MISSING, end, i);
    c->steps[c->n - 1].kind = SHAPE_END;
}

/* Is the string that ends at p a key? */
static bool is_key(const char *p, const char *end) {
    while (p < end && is_space(*p)) p++;
    return p < end && *p == ':';
}

/* Returns what is behind the token at p. */
static const char *cut_token(struct cut *c, const char *p, const char *end) {
    const char *behind = p + 1;
    bool escaped;
    if (*p == '"') {
        behind = past_string(p, &escaped);
        if (is_key(behind, end)) add_literal(c, p, behind);
        else add_value(c, p, p + 1, behind);
    } else if (*p == '{' || *p == '[' || *p == '}' || *p == ']') {
        add_bracket(c, p);
    } else if (*p == ',' || *p == ':' || is_space(*p)) {
        c->full |= *p == '\n' || *p == '\r'; /* a line would end here */
        add_literal(c, p, behind);
    } else {
        behind = past_word(p, end);
        add_value(c, p, p, behind);
    }
    return behind;
}

/* False: too large, or no line with an object. */
static bool cut_line(struct cut *c, struct slice text) {
    const char *p = text.p, *end = p + text.n;
    while (is_space(*p)) p++;
    if (*p != '{') return false;
    if (end[-1] == '\r') end--; /* of the line's end */
    begin_step(c, text.p);
    for (p = text.p; p < end && !c->full;) p = cut_token(c, p, end);
    add_end(c, end);
    return !c->full;
}

/* ---- the tree ---- */

/* For all nodes and marks of this line, so that nothing moves while it is added. */
static bool make_room(struct shapes *t, const struct cut *c) {
    uint32_t nodes = t->n + (uint32_t)c->n + 1, marks = t->n_marks + (uint32_t)c->n_marks + 1;
    if (nodes > MAX_SHAPES || marks > MAX_ALL_MARKS) return false;
    if (nodes > t->nodes_cap) {
        t->nodes_cap = nodes * 2;
        t->nodes = mem_grow(t->nodes, t->nodes_cap, sizeof *t->nodes);
    }
    if (marks > t->marks_cap) {
        t->marks_cap = marks * 2;
        t->marks = mem_grow(t->marks, t->marks_cap, sizeof *t->marks);
    }
    return true;
}

static uint32_t add_shape(struct shapes *t, const struct cut *c, const struct step *step) {
    struct shape *shape = &t->nodes[++t->n];
    *shape = (struct shape){
        .kind = (uint8_t)step->kind, .literal_n = (uint8_t)step->n, .want = step->want};
    if (step->width <= UINT8_MAX) shape->width = (uint8_t)step->width;
    memcpy(shape->literal, step->literal, sizeof shape->literal);
    if (step->n_marks) {
        shape->marks = t->n_marks + 1;
        for (int i = 0; i < step->n_marks; i++) t->marks[++t->n_marks] = c->marks[step->mark + i];
        t->marks[t->n_marks].last = true;
    }
    return t->n;
}

/* Among the alternatives at *link the one for this step; NULL: there are too many; or a link
 * with 0, where it belongs. */
static uint32_t *find_shape(const struct shapes *t, const struct step *step, uint32_t *link) {
    for (int others = 0; *link != 0; others++) {
        struct shape *shape = &t->nodes[*link];
        struct slice literal = {shape->literal, shape->literal_n};
        if (shape->kind == step->kind && slice_eq(literal, (struct slice){step->literal, step->n}))
            break;
        if (others == MAX_OTHERS) return NULL;
        link = &shape->other;
    }
    return link;
}

void shapes_learn(struct shapes *t, struct slice text, const struct json_field *fields, int n) {
    if (t->learned >= LEARN_FIRST) return;
    t->learned++;
    struct cut cut;
    cut.fields = fields;
    cut.n_fields = n;
    cut.n = cut.n_marks = 0;
    cut.full = false;
    if (!cut_line(&cut, text) || !make_room(t, &cut)) return;
    uint32_t *link = &t->first;
    for (int i = 0; i < cut.n; i++) {
        link = find_shape(t, &cut.steps[i], link);
        if (!link) return;
        if (*link == 0) *link = add_shape(t, &cut, &cut.steps[i]);
        link = &t->nodes[*link].next;
    }
}
