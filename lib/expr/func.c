/* The functions. Each finds its arguments in args[0 .. i->a), none of them null, and leaves its
 * result in args[0]. */
#include <limits.h>
#include <strings.h>

#include "expr/program.h"

static void set_text(struct value *out, const char *p, size_t n) {
    *out = (struct value){.kind = VALUE_STRING, .text = {p, n}};
}

static void set_truth(struct value *out, bool yes) { out->kind = yes ? VALUE_TRUE : VALUE_FALSE; }

static void set_number(struct value *out, struct decimal d) {
    *out = (struct value){.kind = VALUE_NUMBER, .number = d};
}

static bool are_texts(const struct value *args, int n) {
    for (int k = 0; k < n; k++)
        if (args[k].kind != VALUE_STRING) return false;
    return true;
}

/* ---- text ---- */

static bool recased(struct expr *x, struct value *v, char first) {
    if (v->kind != VALUE_STRING) return program_mismatch(x, v);
    size_t n = v->text.n;
    program_reserve(x, n);
    char *to = x->scratch.p + x->scratch.n;
    for (size_t i = 0; i < n; i++) {
        char c = v->text.p[i];
        to[i] = (char)((unsigned char)(c - first) < 26 ? c ^ 0x20 : c);
    }
    x->scratch.n += n;
    set_text(v, to, n);
    return true;
}

static bool call_lower(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    return recased(x, args, 'A');
}

static bool call_upper(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    return recased(x, args, 'a');
}

static bool begins_char(char c) { return (c & 0xC0) != 0x80; }

static int64_t count_chars(struct slice s) {
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += begins_char(s.p[i]);
    return n;
}

/* Where character number `at` begins, or the end. */
static size_t byte_of_char(struct slice s, int64_t at) {
    size_t i = 0;
    for (; i < s.n; i++)
        if (begins_char(s.p[i]) && at-- == 0) break;
    return i;
}

static bool call_length(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    if (!are_texts(args, 1)) return program_mismatch(x, args);
    set_number(args, decimal_int(count_chars(args->text)));
    return true;
}

/* A whole number, cut to what no text's length comes near. */
static bool position_of(const struct value *v, int64_t *out) {
    const int64_t far = INT64_C(1) << 60;
    struct decimal whole;
    if (v->kind != VALUE_NUMBER || !decimal_round(&v->number, 0, ROUND_FLOOR, &whole) ||
        decimal_cmp(&whole, &v->number) != 0)
        return false;
    bool fits = decimal_to_int64(&whole, out) && *out > -far && *out < far;
    if (!fits) *out = decimal_is_negative(&whole) ? -far : far;
    return true;
}

static bool call_substr(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)e;
    int64_t from, count = INT64_C(1) << 61;
    if (!are_texts(args, 1) || !position_of(args + 1, &from)) return program_mismatch(x, args);
    if (i->a > 2 && !position_of(args + 2, &count)) return program_mismatch(x, args);
    struct slice s = args->text;
    int64_t begin = from < 0 ? count_chars(s) + from : from - 1, end = begin + count;
    size_t p = byte_of_char(s, begin < 0 ? 0 : begin), q = byte_of_char(s, end < 0 ? 0 : end);
    set_text(args, s.p + p, q > p ? q - p : 0);
    return true;
}

static bool call_contains(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    if (!are_texts(args, 2)) return program_mismatch(x, args);
    struct slice s = args[0].text, part = args[1].text;
    set_truth(args, !part.n || (s.n && memmem(s.p, s.n, part.p, part.n)));
    return true;
}

static bool call_starts_with(
    struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    if (!are_texts(args, 2)) return program_mismatch(x, args);
    struct slice s = args[0].text, part = args[1].text;
    set_truth(args, s.n >= part.n && slice_eq((struct slice){s.p, part.n}, part));
    return true;
}

static bool call_matches(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    if (!are_texts(args, 1)) return program_mismatch(x, args);
    regmatch_t range = {0, (regoff_t)args->text.n};
    int r = args->text.n > INT_MAX
                ? REG_ESPACE
                : regexec(&x->regexes[i->b], args->text.p, 1, &range, REG_STARTEND);
    if (r != 0 && r != REG_NOMATCH)
        return err_set(
            e, EXIT_BAD_DATA, "too large for the regular expression: %s", QUOTED(args->text));
    set_truth(args, r == 0);
    return true;
}

/* ---- conversions ---- */

static bool call_str(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    struct slice text;
    if (!program_text(x, args, &text)) return program_mismatch(x, args);
    set_text(args, text.p, text.n);
    return true;
}

static bool call_num(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i;
    struct decimal d;
    switch (args->kind) {
    case VALUE_NUMBER: return true;
    case VALUE_FALSE:
    case VALUE_TRUE: d = decimal_int(args->kind == VALUE_TRUE); break;
    case VALUE_TIME:
    case VALUE_DURATION: d = seconds_of_us(args->us); break;
    case VALUE_STRING:
        if (!decimal_is_number(args->text)) return program_mismatch(x, args);
        if (!decimal_parse(args->text, &d))
            return err_set(e, EXIT_BAD_DATA, "a number of 10^38 or more: %s", QUOTED(args->text));
        break;
    default: return program_mismatch(x, args);
    }
    set_number(args, d);
    return true;
}

static bool call_time(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i;
    int64_t us;
    struct slice number;
    bool ok = args->kind == VALUE_NUMBER ? program_text(x, args, &number) &&
                                               time_parse_number(&x->times, number, &us) == TIME_OK
                                         : program_time(x, args, &us);
    return ok ? program_set_time(args, us, e) : program_mismatch(x, args);
}

/* ---- rounding ---- */

static bool rounded(struct expr *x, struct value *v, int places, enum rounding how, struct err *e) {
    struct decimal d;
    if (v->kind != VALUE_NUMBER && v->kind != VALUE_DURATION) return program_mismatch(x, v);
    d = v->kind == VALUE_NUMBER ? v->number : seconds_of_us(v->us);
    if (!decimal_round(&d, places, how, &d) ||
        (v->kind == VALUE_DURATION && !us_of_seconds(&d, &v->us)))
        return err_set(e, EXIT_BAD_DATA, "the rounded value is too large");
    if (v->kind == VALUE_NUMBER) v->number = d;
    return true;
}

static bool call_round(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    int64_t places = 0;
    if (i->a > 1 && !position_of(args + 1, &places)) return program_mismatch(x, args);
    if (places > DECIMAL_MAX_SCALE) places = DECIMAL_MAX_SCALE;
    if (places < -DECIMAL_MAX_SCALE) places = -DECIMAL_MAX_SCALE;
    return rounded(x, args, (int)places, ROUND_HALF_EVEN, e);
}

static bool call_floor(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i;
    return rounded(x, args, 0, ROUND_FLOOR, e);
}

static bool call_ceil(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i;
    return rounded(x, args, 0, ROUND_CEIL, e);
}

static bool call_abs(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i;
    bool negative = args->kind == VALUE_NUMBER     ? decimal_is_negative(&args->number)
                    : args->kind == VALUE_DURATION ? args->us < 0
                                                   : true;
    return negative ? arithmetic_negate(x, args, e) : true;
}

/* ---- the calendar ---- */

static const char *const unit_names[] = {
    "second", "minute", "hour", "day", "week", "month", "quarter", "year"};
enum { UNIT_SECOND, UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, N_UNITS = 8 };

int function_unit(struct slice name) {
    for (int u = 0; u < N_UNITS; u++)
        if (slice_is(name, unit_names[u])) return u;
    return -1;
}

static int64_t local_time(struct expr *x, int64_t us) {
    return us + (x->times.zone ? zone_offset(x->times.zone, us) : 0);
}

static bool call_hour(struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    (void)i, (void)e;
    int64_t us;
    if (!program_time(x, args, &us)) return program_mismatch(x, args);
    set_number(args, decimal_int(floor_mod(local_time(x, us), DAY_US) / HOUR_US));
    return true;
}

/* When the zone moved between two instants at which its offset differs: to where it is at `to`. */
static int64_t moved_at(struct zone *z, int64_t from, int64_t to) {
    int64_t offset = zone_offset(z, to);
    while (to - from > 1) {
        int64_t between = from + (to - from) / 2;
        if (zone_offset(z, between) == offset) to = between;
        else from = between;
    }
    return to;
}

/* The begin of the second, minute or hour on the wall: as far back as the clock says, unless the zone has moved
 * since. Then the hour that came before the move goes on, or one begins with it. */
static int64_t trunc_time(struct expr *x, int64_t us, int64_t length) {
    int64_t local = local_time(x, us), past = floor_mod(local, length);
    if (local_time(x, us - past) == local - past) return us - past;
    int64_t move = moved_at(x->times.zone, us - past, us), before = local_time(x, move - 1);
    int64_t past_then = floor_mod(before, length);
    return before - past_then == local - past ? move - 1 - past_then : move;
}

static bool call_date_trunc(
    struct expr *x, const struct insn *i, struct value *args, struct err *e) {
    static const int64_t lengths[] = {SECOND_US, MINUTE_US, HOUR_US};
    static const struct period periods[] = {{PERIOD_DAYS, 1}, {PERIOD_WEEKS, 1}, {PERIOD_MONTHS, 1},
        {PERIOD_MONTHS, 3}, {PERIOD_MONTHS, 12}};
    int64_t us;
    if (!program_time(x, args, &us)) return program_mismatch(x, args);
    if (i->b <= UNIT_HOUR) us = trunc_time(x, us, lengths[i->b]);
    else us = period_floor(&periods[i->b - UNIT_DAY], x->times.zone, 0, us);
    return program_set_time(args, us, e);
}

/* ---- the table ---- */

const struct function functions[] = {
    {"abs", "abs(x)", 1, 1, .call = call_abs},
    {"ceil", "ceil(x)", 1, 1, .call = call_ceil},
    {"coalesce", "coalesce(a, b, ...)", 1, -1, .call = NULL},
    {"contains", "contains(text, part)", 2, 2, .call = call_contains},
    {"date_trunc", "date_trunc('hour', time)", 2, 2, CONSTANT_UNIT, 1, call_date_trunc},
    {"floor", "floor(x)", 1, 1, .call = call_floor},
    {"hour", "hour(time)", 1, 1, .call = call_hour},
    {"if", "if(condition, a, b)", 3, 3, .call = NULL},
    {"length", "length(text)", 1, 1, .call = call_length},
    {"lower", "lower(text)", 1, 1, .call = call_lower},
    {"matches", "matches(text, 'regex')", 2, 2, CONSTANT_REGEX, 2, call_matches},
    {"num", "num(x)", 1, 1, .call = call_num},
    {"round", "round(x) or round(x, places)", 1, 2, .call = call_round},
    {"starts_with", "starts_with(text, part)", 2, 2, .call = call_starts_with},
    {"str", "str(x)", 1, 1, .call = call_str},
    {"substr", "substr(text, from) or substr(text, from, count)", 2, 3, .call = call_substr},
    {"time", "time(x)", 1, 1, .call = call_time},
    {"upper", "upper(text)", 1, 1, .call = call_upper},
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

int function_find(struct slice name, const char **nearest) {
    const char *names[N_FUNCTIONS];
    for (int f = 0; f < N_FUNCTIONS; f++) {
        names[f] = functions[f].name;
        if (strlen(names[f]) == name.n && strncasecmp(names[f], name.p, name.n) == 0) return f;
    }
    *nearest = err_nearest(name, names, N_FUNCTIONS);
    return -1;
}
