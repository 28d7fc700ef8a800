#include "sink/partition.h"

#include <stdlib.h>

#include "expr/value.h"
#include "json/path.h"
#include "json/value.h"

#define NULL_NAME "__HIVE_DEFAULT_PARTITION__"

enum part_kind { PART_TEXT, PART_FIELD, PART_TIME };

struct part {
    enum part_kind kind;
    struct slice text; /* of the template: the text, or the field as it was typed */
    int field;         /* index of the wanted field */
    char conversion;
};

struct partition {
    char *template;
    struct part *parts;
    size_t n;
    char *time_name;
    int time_field; /* -1: no conversion asks for it */
    struct zone *zone;
    struct time_format time_format;
    struct buf scratch;
};

/* ---- the template ---- */

static struct part *add_part(struct partition *p, enum part_kind kind) {
    p->parts = mem_grow(p->parts, p->n + 1, sizeof *p->parts);
    p->parts[p->n] = (struct part){.kind = kind};
    return &p->parts[p->n++];
}

static void add_text(struct partition *p, const char *text) {
    struct part *last = p->n ? &p->parts[p->n - 1] : NULL;
    if (last && last->kind == PART_TEXT && last->text.p + last->text.n == text) last->text.n++;
    else add_part(p, PART_TEXT)->text = (struct slice){text, 1};
}

static bool want(const struct sink_options *o, struct slice text, int *field, struct err *e) {
    struct json_path path;
    if (!json_path_parse(text, &path, e)) return false;
    *field = json_want(o->scanner, &path);
    if (o->named) o->named(o->ctx, &path);
    json_path_free(&path);
    return true;
}

/* *at stands behind the brace, and afterwards behind its partner. A backquoted name may hold one. */
static bool add_field(
    struct partition *p, const char **at, const struct sink_options *o, struct err *e) {
    const char *end = *at;
    for (bool quoted = false; *end && (quoted || *end != '}'); end++) quoted ^= *end == '`';
    if (!*end) return err_set(e, EXIT_USAGE, "'{' without '}'");
    struct part *part = add_part(p, PART_FIELD);
    part->text = (struct slice){*at, (size_t)(end - *at)};
    *at = end + 1;
    return want(o, part->text, &part->field, e) ||
           err_at(e, "{%.*s}", (int)part->text.n, part->text.p);
}

static bool add_conversion(struct partition *p, const char *at, struct err *e) {
    if (*at == '%') add_text(p, at);
    else if (*at && strchr("YmdHMSjGVuy", *at)) add_part(p, PART_TIME)->conversion = *at;
    else
        return err_set(e, EXIT_USAGE,
            "%%%.1s is none of %%Y %%m %%d %%H %%M %%S %%j %%G %%V %%u %%y %%%%", at);
    return true;
}

static bool parse(struct partition *p, const struct sink_options *o, struct err *e) {
    bool begins = true; /* a name of the path */
    for (const char *at = p->template; *at;) {
        if (begins && strchr("/._", *at))
            return err_set(
                e, EXIT_USAGE, "a folder's name is empty or begins with '%c', which hides it", *at);
        begins = *at == '/';
        if (*at == '{') {
            at++;
            if (!add_field(p, &at, o, e)) return false;
        } else if (*at == '%') {
            if (!add_conversion(p, at + 1, e)) return false;
            at += 2;
        } else {
            add_text(p, at++);
        }
    }
    return !begins || err_set(e, EXIT_USAGE, "empty, or ends in '/'");
}

static bool uses_time(const struct partition *p) {
    for (size_t i = 0; i < p->n; i++)
        if (p->parts[i].kind == PART_TIME) return true;
    return false;
}

struct partition *partition_new(const struct sink_options *o, struct err *e) {
    struct partition *p = mem_zero(1, sizeof *p);
    p->template = mem_str(slice_of(o->partition));
    p->time_name = mem_str(slice_of(o->partition_time ? o->partition_time : "window_start"));
    p->time_field = -1;
    p->zone = p->time_format.zone = o->zone;
    bool ok = parse(p, o, e) || err_at(e, "--partition");
    if (ok && uses_time(p))
        ok = want(o, slice_of(p->time_name), &p->time_field, e) || err_at(e, "--partition-time");
    if (ok) return p;
    partition_free(p);
    return NULL;
}

void partition_free(struct partition *p) {
    if (!p) return;
    free(p->template);
    free(p->parts);
    free(p->time_name);
    buf_free(&p->scratch);
    free(p);
}

/* ---- an event's folder ---- */

void name_escape(struct buf *out, struct slice s, const char *also) {
    bool begins = !out->n || out->p[out->n - 1] == '/';
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool plain = word || c == '-' || ((c == '.' || c == '_') && !(begins && i == 0));
        if (plain && !strchr(also, c)) buf_addc(out, c);
        else buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

static bool add_value(struct partition *p, const struct part *part, const struct event *ev,
    struct buf *out, struct err *e) {
    struct value v;
    p->scratch.n = 0;
    if (!value_of_field(&ev->fields[part->field], &p->scratch, &v, e))
        return err_at(e, "%.*s", (int)part->text.n, part->text.p);
    switch (v.kind) {
    case VALUE_NULL: name_escape(out, slice_of(NULL_NAME), ""); return true;
    case VALUE_STRING: name_escape(out, v.text.n ? v.text : slice_of(NULL_NAME), ""); return true;
    case VALUE_NUMBER: decimal_write(out, &v.number); return true;
    case VALUE_TRUE: buf_adds(out, "true"); return true;
    case VALUE_FALSE: buf_adds(out, "false"); return true;
    default:
        return err_set(e, EXIT_BAD_DATA, "%.*s: an object or array names no partition",
            (int)part->text.n, part->text.p);
    }
}

static bool read_time(struct partition *p, const struct event *ev, int64_t *t, struct err *e) {
    const struct json_field *f = &ev->fields[p->time_field];
    enum time_result r = TIME_NOT_A_TIME;
    struct slice text = json_slice(f);
    if (f->kind == JSON_NUMBER) r = time_parse_number(&p->time_format, text, t);
    if (f->kind == JSON_STRING && json_text(f, &p->scratch, &text))
        r = time_parse(&p->time_format, text, t);
    if (r == TIME_OK) return true;
    if (!f->p)
        return err_set(
            e, EXIT_BAD_DATA, "%s: missing, and --partition needs its time", p->time_name);
    return err_set(e, EXIT_BAD_DATA, "%s: not a time: %s", p->time_name, QUOTED(text));
}

static int year_of(int64_t days) { return civil_from_days(days).year; }

/* From 0. */
static int day_of_year(int64_t days) {
    return (int)(days - civil_to_days((struct civil){year_of(days), 1, 1}));
}

static void add_digits(struct buf *out, int v, int width) {
    char *p = buf_reserve(out, (size_t)width);
    for (int i = width; i-- > 0; v /= 10) p[i] = (char)('0' + v % 10);
    out->n += (size_t)width;
}

/* strftime(3) has no fixed width for years below 1000, and takes five times as long. */
static void add_time(int64_t local, char conversion, struct buf *out) {
    int64_t days = floor_div(local, DAY_US);
    int second = (int)(floor_mod(local, DAY_US) / SECOND_US);
    int weekday = (int)floor_mod(days + 3, 7); /* from Monday, 0 */
    int64_t thursday =
        days - weekday + 3; /* a week belongs to the year that its Thursday lies in */
    switch (conversion) {
    case 'Y': add_digits(out, year_of(days), 4); break;
    case 'G': add_digits(out, year_of(thursday), 4); break;
    case 'y': add_digits(out, year_of(days) % 100, 2); break;
    case 'm': add_digits(out, civil_from_days(days).month, 2); break;
    case 'd': add_digits(out, civil_from_days(days).day, 2); break;
    case 'H': add_digits(out, second / 3600, 2); break;
    case 'M': add_digits(out, second / 60 % 60, 2); break;
    case 'S': add_digits(out, second % 60, 2); break;
    case 'j': add_digits(out, day_of_year(days) + 1, 3); break;
    case 'V': add_digits(out, day_of_year(thursday) / 7 + 1, 2); break;
    case 'u': add_digits(out, weekday + 1, 1); break;
    }
}

static bool names_fit(struct slice path, struct err *e) {
    for (size_t begin = 0, i = 0; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/') continue;
        if (i - begin > NAME_MAX_BYTES)
            return err_set(e, EXIT_BAD_DATA, "partition name longer than %d bytes: %s",
                NAME_MAX_BYTES, QUOTED(((struct slice){path.p + begin, i - begin})));
        begin = i + 1;
    }
    return path.n <= PARTITION_MAX_BYTES ||
           err_set(e, EXIT_BAD_DATA, "partition path longer than %d bytes: %s", PARTITION_MAX_BYTES,
               QUOTED(path));
}

bool partition_of(struct partition *p, const struct event *ev, struct buf *out, struct err *e) {
    size_t start = out->n;
    int64_t local = 0;
    if (p->time_field >= 0) {
        if (!read_time(p, ev, &local, e)) return false;
        local += zone_offset(p->zone, local);
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct part *part = &p->parts[i];
        if (part->kind == PART_TEXT) buf_add_slice(out, part->text);
        else if (part->kind == PART_TIME) add_time(local, part->conversion, out);
        else if (!add_value(p, part, ev, out, e)) return false;
    }
    return names_fit((struct slice){out->p + start, out->n - start}, e);
}
