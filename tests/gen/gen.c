/* gen - writes order events as NDJSON: the one generator of the demo, the tests and the benchmarks.
 *
 * What stands at line i is a function of the options, the seed and i alone, in integers only, so
 * the same command writes the same bytes everywhere, and a duplicate is its original made again. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__extension__ typedef unsigned __int128 wide;

enum {
    BLOCK = 1 << 20,
    LINE_MAX_BYTES = 1 << 17, /* the longest line that --bytes allows, with room */
    NATURAL_BYTES = 275,      /* what a line has without items, on average */
    ITEM_BYTES = 66,          /* what an item adds, on average */
    COPY_REACH = 64,          /* a duplicate follows its original by at most so many lines */
    ZIPF_MAX = 1000000,
};

static const char help[] =
    "usage: gen [--events N] [--seed S] [OPTION...]\n"
    "Writes order events as NDJSON; the same options give the same bytes everywhere.\n"
    "\n"
    "  --events N         lines to write, duplicates included (1000000)\n"
    "  --seed S           another seed, other events (1)\n"
    "  --bytes N          average line, 275 to 65536: items are added above 275 (275)\n"
    "  --duplicates P%    lines that repeat a recent one (1%)\n"
    "  --disorder P%:D    lines up to D behind the greatest time so far; 0 for none (10%:2m)\n"
    "  --late P%:D        lines that are further behind, up to D (none)\n"
    "  --span D           event time covered (24h)\n"
    "  --start T          first event time (2025-11-14T00:00:00Z)\n"
    "  --restaurants N    drawn by Zipf's law with exponent 1.1 (10000)\n"
    "  --cities N         drawn evenly (8)\n"
    "  --fields A,B,...   only these top-level fields\n";

enum field {
    F_EVENT_ID,
    F_ORDER_ID,
    F_RESTAURANT_ID,
    F_DRIVER_ID,
    F_CITY_ID,
    F_EVENT_TYPE,
    F_EVENT_TS,
    F_ORDER_VALUE,
    F_DELIVERY,
    F_PAYMENT,
    F_ITEMS,
    FIELDS
};
static const char *const field_names[FIELDS] = {"event_id", "order_id", "restaurant_id",
    "driver_id", "city_id", "event_type", "event_ts", "order_value", "delivery_duration_sec",
    "payment", "items"};

static struct options {
    uint64_t events, seed, bytes, restaurants, cities;
    uint64_t duplicates, disorder, late; /* chances in 2^32 */
    uint64_t span_us, disorder_us, late_us;
    uint64_t start_us;
    unsigned fields; /* a bit for each enum field */
} opt = {
    .events = 1000000,
    .seed = 1,
    .bytes = NATURAL_BYTES,
    .restaurants = 10000,
    .cities = 8,
    .duplicates = UINT64_C(42949673),
    .disorder = UINT64_C(429496730),
    .span_us = UINT64_C(86400000000),
    .disorder_us = UINT64_C(120000000),
    .start_us = UINT64_C(1763078400000000),
    .fields = ~0U,
};

static _Noreturn void fail(const char *what, const char *value) {
    fprintf(stderr, "gen: %s: %s\n", what, value);
    exit(64);
}

/* ---- chance: splitmix64 (Steele, Lea, Flood 2014), begun anew for each line ---- */

struct random {
    uint64_t state;
};

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t draw(struct random *r) { return mix(r->state += UINT64_C(0x9e3779b97f4a7c15)); }

static uint64_t below(struct random *r, uint64_t n) {
    return (uint64_t)(((wide)draw(r) * n) >> 64);
}

static bool happens(uint64_t chance, uint64_t random) { return (random >> 32) < chance; }

enum stream { OF_ARRIVAL, OF_DELAY, OF_COPY, OF_REACH, OF_EVENT, STREAMS };

static struct random random_of(uint64_t line, enum stream s) {
    return (struct random){mix(opt.seed + mix(line * STREAMS + s + 1))};
}

/* ---- restaurants: Zipf by the alias method (Walker 1977, Vose 1991) ---- */

static struct alias {
    uint32_t keep;  /* chance in 2^32 of the column's own restaurant */
    uint32_t other; /* the one that has the rest of the column */
} * aliases;

/* 1 / k^1.1 in units of 2^-60; the tenth root by bisection, as pow(3) may differ in the last digit. */
static uint64_t zipf_weight(uint64_t k) {
    uint64_t low = UINT64_C(1) << 40, high = low << 2; /* 40 fraction bits; 10^6 ^ 0.1 < 4 */
    while (high - low > 1) {
        uint64_t r = low + (high - low) / 2;
        wide r2 = ((wide)r * r) >> 40, r4 = (r2 * r2) >> 40, r8 = (r4 * r4) >> 40;
        wide r10 = (r8 * r2) >> 40;
        *(r10 <= (wide)k << 40 ? &low : &high) = r;
    }
    return (uint64_t)(((wide)1 << 100) / ((wide)k * low));
}

static void aliases_make(void) {
    uint64_t n = opt.restaurants, total = 0;
    wide *share = calloc(n, sizeof *share); /* what is left to place, in units of total / n */
    uint32_t *small = calloc(n, sizeof *small), *large = calloc(n, sizeof *large);
    aliases = calloc(n, sizeof *aliases);
    if (!share || !small || !large || !aliases) fail("restaurants", "out of memory");
    for (uint64_t k = 0; k < n; k++) total += zipf_weight(k + 1);
    size_t smalls = 0, larges = 0;
    for (uint32_t k = 0; k < n; k++) {
        share[k] = (wide)zipf_weight(k + 1) * n;
        if (share[k] < total) small[smalls++] = k;
        else large[larges++] = k;
    }
    while (smalls && larges) {
        uint32_t s = small[--smalls], l = large[larges - 1];
        aliases[s] = (struct alias){(uint32_t)((share[s] << 32) / total), l};
        share[l] -= total - share[s];
        if (share[l] < total) larges--, small[smalls++] = l;
    }
    while (smalls) aliases[small[smalls - 1]].keep = UINT32_MAX, smalls--;
    while (larges) aliases[large[larges - 1]].keep = UINT32_MAX, larges--;
    free(share), free(small), free(large);
}

/* 1 to opt.restaurants; the popular ones are spread over the numbers. */
static uint64_t restaurant(struct random *r) {
    uint64_t random = draw(r), column = ((random >> 32) * opt.restaurants) >> 32;
    uint64_t rank = (uint32_t)random <= aliases[column].keep ? column : aliases[column].other;
    return rank * UINT64_C(1000003) % opt.restaurants + 1; /* a prime above ZIPF_MAX: no two meet */
}

/* ---- time ---- */

/* When line i is sent; it never goes back. */
static uint64_t arrival_us(uint64_t i) {
    struct random r = random_of(i, OF_ARRIVAL);
    uint64_t from = (uint64_t)((wide)i * opt.span_us / opt.events);
    uint64_t to = (uint64_t)((wide)(i + 1) * opt.span_us / opt.events);
    return opt.start_us + from + (to > from ? below(&r, to - from) : 0);
}

/* When the event of line i happened: mostly then, for some a while before. */
static uint64_t event_us(uint64_t i) {
    struct random r = random_of(i, OF_DELAY);
    uint64_t sent = arrival_us(i), chance = draw(&r), behind = 0;
    if (happens(opt.late, chance))
        behind = opt.disorder_us + below(&r, opt.late_us - opt.disorder_us);
    else if (happens(opt.late + opt.disorder, chance)) behind = below(&r, opt.disorder_us);
    return sent - opt.start_us < behind ? opt.start_us : sent - behind;
}

static bool is_copy(uint64_t i) {
    struct random r = random_of(i, OF_COPY);
    return i > 0 && happens(opt.duplicates, draw(&r));
}

/* The line whose event stands at line i. A copy too is at most opt.disorder_us behind: one that
 * would be further repeats the line before, after which no time has passed. */
static uint64_t source_of(uint64_t i) {
    while (is_copy(i)) {
        struct random r = random_of(i, OF_REACH);
        uint64_t back = 1 + below(&r, COPY_REACH);
        if (back <= i && !is_copy(i - back) &&
            event_us(i - back) + opt.disorder_us >= arrival_us(i))
            return i - back;
        i--;
    }
    return i;
}

/* ---- writing ---- */

static inline char *put_bytes(char *p, const char *s, size_t n) {
    memcpy(p, s, n);
    return p + n;
}

#define PUT(p, literal) put_bytes((p), (literal), sizeof(literal) - 1)

static char *put_text(char *p, const char *s) { return put_bytes(p, s, strlen(s)); }

static char *put_digits(char *p, uint64_t v, int digits) {
    for (int i = digits - 1; i >= 0; i--, v /= 10) p[i] = (char)('0' + v % 10);
    return p + digits;
}

static char *put_number(char *p, uint64_t v) {
    int digits = 1;
    for (uint64_t rest = v; rest >= 10; rest /= 10) digits++;
    return put_digits(p, v, digits);
}

static char *put_cents(char *p, uint64_t v) {
    p = put_number(p, v / 100);
    *p++ = '.';
    return put_digits(p, v % 100, 2);
}

static char *put_hex(char *p, uint64_t v) {
    for (int shift = 60; shift >= 0; shift -= 4) *p++ = "0123456789abcdef"[v >> shift & 15];
    return p;
}

static char *put_time(char *p, uint64_t us) {
    static uint64_t last_day = UINT64_MAX;
    static char date[32];
    uint64_t ms = us / 1000, day = ms / 86400000, s = ms / 1000 % 86400;
    if (day != last_day) {
        time_t t = (time_t)(day * 86400);
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(date, sizeof date, "%Y-%m-%dT", &tm);
        last_day = day;
    }
    memcpy(p, date, 11);
    p = put_digits(p + 11, s / 3600, 2);
    *p++ = ':';
    p = put_digits(p, s / 60 % 60, 2);
    *p++ = ':';
    p = put_digits(p, s % 60, 2);
    *p++ = '.';
    p = put_digits(p, ms % 1000, 3);
    *p++ = 'Z';
    return p;
}

static char *put_city(char *p, uint64_t city) {
    static const char names[][4] = {"BLR", "DEL", "BOM", "HYD", "MAA", "PNQ", "CCU", "AMD"};
    if (city < sizeof names / sizeof *names) return put_text(p, names[city]);
    *p++ = 'C';
    return put_number(p, city + 1);
}

static char *put_items(char *p, struct random *r) {
    static const char *const goods[] = {"Basmati rice 1 kg", "Toned milk 500 ml", "Brown eggs x12",
        "Bananas, Robusta", "Jalape\xc3\xb1o 100 g", "Paneer 200 g", "Masala chai 250 g",
        "Dish soap \\\"Lime\\\""};
    uint64_t mean = ((opt.bytes - NATURAL_BYTES) << 16) / ITEM_BYTES;
    uint64_t n = mean / 2 + below(r, mean + 1);
    n = (n + below(r, 1 << 16)) >> 16;
    p = PUT(p, "\"items\":[");
    for (uint64_t i = 0; i < n; i++) {
        uint64_t random = draw(r);
        if (i > 0) *p++ = ',';
        p = PUT(p, "{\"sku\":\"S");
        p = put_digits(p, (random >> 40) % 100000, 5);
        p = PUT(p, "\",\"name\":\"");
        p = put_text(p, goods[random & 7]);
        p = PUT(p, "\",\"qty\":");
        p = put_number(p, 1 + (random >> 8 & 3));
        p = PUT(p, ",\"price\":");
        p = put_cents(p, 900 + (random >> 16) % 90000);
        *p++ = '}';
    }
    *p++ = ']';
    return p;
}

enum kind { PLACED, ACCEPTED, DISPATCHED, DELIVERED, CANCELLED };
static const char *const kind_names[] = {
    "ORDER_PLACED", "ORDER_ACCEPTED", "ORDER_DISPATCHED", "ORDER_DELIVERED", "ORDER_CANCELLED"};

/* Of 100 events: 26 placed, 25 accepted, 24 dispatched, 23 delivered, 2 cancelled. */
static enum kind draw_kind(struct random *r) {
    uint64_t percent = below(r, 100);
    return percent < 26   ? PLACED
           : percent < 51 ? ACCEPTED
           : percent < 75 ? DISPATCHED
           : percent < 98 ? DELIVERED
                          : CANCELLED;
}

static char *put_payment(char *p, struct random *r, enum kind kind) {
    uint64_t random = draw(r);
    bool prepaid = random & 3;
    p = PUT(p, "\"payment\":{\"id\":\"P");
    p = put_digits(p, (random >> 8) % 10000000, 7);
    p = PUT(p, "\",\"status\":\"");
    p = put_text(p, kind == CANCELLED              ? prepaid ? "REFUNDED" : "VOID"
                    : prepaid || kind == DELIVERED ? "PAID"
                                                   : "PENDING");
    return PUT(p, "\"}");
}

/* All is drawn whether it is written or not: --fields changes no value. */
static char *put_event(char *p, uint64_t i) {
    struct random r = random_of(i, OF_EVENT);
    uint64_t event_id = draw(&r), numbers = draw(&r), place = restaurant(&r);
    uint64_t city = below(&r, opt.cities);
    uint64_t most = below(&r, 300000), cents = 4900 + below(&r, most + 1);
    enum kind kind = draw_kind(&r);
    uint64_t seconds = 480 + below(&r, 1200) + below(&r, 1200);
    char *begin = p;
#define FIELD(f, name, put)                                                                        \
    if (opt.fields >> (f)&1) {                                                                     \
        p = PUT(p, name);                                                                          \
        p = put;                                                                                   \
        *p++ = ',';                                                                                \
    }
    *p++ = '{';
    FIELD(F_EVENT_ID, "\"event_id\":\"", PUT(put_hex(p, event_id), "\""))
    FIELD(F_ORDER_ID, "\"order_id\":\"O", PUT(put_digits(p, (uint32_t)numbers % 10000000, 7), "\""))
    FIELD(F_RESTAURANT_ID, "\"restaurant_id\":\"R", PUT(put_number(p, place), "\""))
    FIELD(F_DRIVER_ID, "\"driver_id\":",
        kind == PLACED ? PUT(p, "null")
                       : PUT(put_digits(PUT(p, "\"D"), (numbers >> 32) % 100000, 5), "\""))
    FIELD(F_CITY_ID, "\"city_id\":\"", PUT(put_city(p, city), "\""))
    FIELD(F_EVENT_TYPE, "\"event_type\":\"", PUT(put_text(p, kind_names[kind]), "\""))
    FIELD(F_EVENT_TS, "\"event_ts\":\"", PUT(put_time(p, event_us(i)), "\""))
    FIELD(F_ORDER_VALUE, "\"order_value\":", put_cents(p, cents))
    FIELD(F_DELIVERY,
        "\"delivery_duration_sec\":", kind == DELIVERED ? put_number(p, seconds) : PUT(p, "null"))
    FIELD(F_PAYMENT, "", put_payment(p, &r, kind))
    if (opt.bytes > NATURAL_BYTES) {
        FIELD(F_ITEMS, "", put_items(p, &r))
    }
#undef FIELD
    if (p - begin > 1) p--;
    return PUT(p, "}\n");
}

static void write_all(const char *p, size_t n) {
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) {
            fprintf(stderr, "gen: stdout: %s\n", strerror(errno));
            exit(74);
        }
        p += done, n -= (size_t)done;
    }
}

/* ---- options ---- */

static uint64_t parse_number(const char *name, const char *s, uint64_t least, uint64_t most) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (!isdigit((unsigned char)*s) || *end || errno || v < least || v > most) fail(name, s);
    return v;
}

static uint64_t parse_duration_us(const char *name, const char *s) {
    static const struct {
        const char *unit;
        uint64_t us;
    } units[] = {{"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", UINT64_C(3600000000)},
        {"d", UINT64_C(86400000000)}};
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    for (size_t u = 0; isdigit((unsigned char)*s) && !errno && u < sizeof units / sizeof *units;
         u++)
        if (strcmp(end, units[u].unit) == 0 && v <= UINT64_C(31536000000000000) / units[u].us)
            return v * units[u].us;
    fail(name, s);
}

/* "1%", "0.25%" or "0": a chance in 2^32. Reads up to `stop` characters. */
static uint64_t parse_chance(const char *name, const char *s, size_t stop) {
    uint64_t v = 0, unit = 100;
    size_t i = 0;
    for (; i < stop && i < 6 && isdigit((unsigned char)s[i]); i++)
        v = v * 10 + (uint64_t)(s[i] - '0');
    if (i > 0 && i < stop && s[i] == '.')
        for (i++; i < stop && i < 12 && isdigit((unsigned char)s[i]); i++)
            v = v * 10 + (uint64_t)(s[i] - '0'), unit *= 10;
    if (i > 0 && i + 1 == stop && s[i] == '%') i++;
    else if (v != 0) i = 0;
    if (i == 0 || i != stop || v > unit) fail(name, s);
    return (v << 32) / unit;
}

static void parse_delay(const char *name, const char *s, uint64_t *chance, uint64_t *us) {
    const char *colon = strchr(s, ':');
    *chance = parse_chance(name, s, colon ? (size_t)(colon - s) : strlen(s));
    *us = colon ? parse_duration_us(name, colon + 1) : 0;
    if ((*chance == 0) != (*us == 0)) fail(name, s);
}

static uint64_t parse_start_us(const char *s) {
    struct tm tm = {0};
    const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
    time_t t = end && !*end ? timegm(&tm) : -1;
    if (t < 0 || tm.tm_year >= 7000) fail("--start (as 2025-11-14T00:00:00Z)", s);
    return (uint64_t)t * 1000000;
}

static unsigned parse_fields(const char *s) {
    unsigned fields = 0;
    for (const char *word = s; word; word = strchr(word, ',')) {
        word += *word == ',';
        size_t n = strcspn(word, ","), f = 0;
        while (f < FIELDS && (strlen(field_names[f]) != n || memcmp(word, field_names[f], n))) f++;
        if (f == FIELDS) fail("--fields", word);
        fields |= 1U << f;
    }
    return fields;
}

static void parse_options(int argc, char **argv) {
    static const struct option table[] = {{"events", 1, NULL, 'n'}, {"seed", 1, NULL, 's'},
        {"bytes", 1, NULL, 'b'}, {"duplicates", 1, NULL, 'D'}, {"disorder", 1, NULL, 'd'},
        {"late", 1, NULL, 'l'}, {"span", 1, NULL, 'S'}, {"start", 1, NULL, 't'},
        {"restaurants", 1, NULL, 'r'}, {"cities", 1, NULL, 'c'}, {"fields", 1, NULL, 'f'},
        {"help", 0, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) switch (c) {
        case 'n': opt.events = parse_number("--events", optarg, 0, UINT64_C(1) << 48); break;
        case 's': opt.seed = parse_number("--seed", optarg, 0, UINT64_MAX); break;
        case 'b': opt.bytes = parse_number("--bytes", optarg, NATURAL_BYTES, 65536); break;
        case 'D': opt.duplicates = parse_chance("--duplicates", optarg, strlen(optarg)); break;
        case 'd': parse_delay("--disorder", optarg, &opt.disorder, &opt.disorder_us); break;
        case 'l': parse_delay("--late", optarg, &opt.late, &opt.late_us); break;
        case 'S': opt.span_us = parse_duration_us("--span", optarg); break;
        case 't': opt.start_us = parse_start_us(optarg); break;
        case 'r': opt.restaurants = parse_number("--restaurants", optarg, 1, ZIPF_MAX); break;
        case 'c': opt.cities = parse_number("--cities", optarg, 1, 1000000); break;
        case 'f': opt.fields = parse_fields(optarg); break;
        case 'h': fputs(help, stdout); exit(fclose(stdout) ? 74 : 0);
        default: fputs(help, stderr); exit(64);
        }
    if (optind < argc) fail("not an option", argv[optind]);
    if (opt.late && opt.late_us <= opt.disorder_us)
        fail("--late", "must reach further than --disorder");
    if (opt.late + opt.disorder > UINT64_C(1) << 32) fail("--late and --disorder", "over 100%");
}

int main(int argc, char **argv) {
    static char block[BLOCK + LINE_MAX_BYTES];
    parse_options(argc, argv);
    aliases_make();
    fcntl(STDOUT_FILENO, F_SETPIPE_SZ, BLOCK); /* fails on what is no pipe: no matter */
    char *p = block;
    for (uint64_t i = 0; i < opt.events; i++) {
        p = put_event(p, source_of(i));
        if (p - block < BLOCK) continue;
        write_all(block, BLOCK);
        memmove(block, block + BLOCK, (size_t)(p - block) - BLOCK);
        p -= BLOCK;
    }
    write_all(block, (size_t)(p - block));
    if (close(STDOUT_FILENO) != 0) fail("stdout", strerror(errno));
    return 0;
}
