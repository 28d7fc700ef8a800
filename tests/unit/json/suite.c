/* The JSON test suite: every y_ file is accepted, every n_ file rejected, and what we say to
 * each i_ file. */
#include "check.h"

#include <dirent.h>

#include "base/buf.h"
#include "json/scan.h"

/* Accepted are numbers of any size, as their digits pass through, and lone surrogate escapes,
 * which are grammatical; bytes that are no UTF-8 and the byte order mark are not. */
static const struct verdict {
    const char *name;
    bool accepted;
} verdicts[] = {
    {"i_number_double_huge_neg_exp.json", true},
    {"i_number_huge_exp.json", true},
    {"i_number_neg_int_huge_exp.json", true},
    {"i_number_pos_double_huge_exp.json", true},
    {"i_number_real_neg_overflow.json", true},
    {"i_number_real_pos_overflow.json", true},
    {"i_number_real_underflow.json", true},
    {"i_number_too_big_neg_int.json", true},
    {"i_number_too_big_pos_int.json", true},
    {"i_number_very_big_negative_int.json", true},
    {"i_object_key_lone_2nd_surrogate.json", true},
    {"i_string_1st_surrogate_but_2nd_missing.json", true},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", true},
    {"i_string_UTF-16LE_with_BOM.json", false},
    {"i_string_UTF-8_invalid_sequence.json", false},
    {"i_string_UTF8_surrogate_U+D800.json", false},
    {"i_string_incomplete_surrogate_and_escape_valid.json", true},
    {"i_string_incomplete_surrogate_pair.json", true},
    {"i_string_incomplete_surrogates_escape_valid.json", true},
    {"i_string_invalid_lonely_surrogate.json", true},
    {"i_string_invalid_surrogate.json", true},
    {"i_string_invalid_utf-8.json", false},
    {"i_string_inverted_surrogates_U+1D11E.json", true},
    {"i_string_iso_latin_1.json", false},
    {"i_string_lone_second_surrogate.json", true},
    {"i_string_lone_utf8_continuation_byte.json", false},
    {"i_string_not_in_unicode_range.json", false},
    {"i_string_overlong_sequence_2_bytes.json", false},
    {"i_string_overlong_sequence_6_bytes.json", false},
    {"i_string_overlong_sequence_6_bytes_null.json", false},
    {"i_string_truncated-utf-8.json", false},
    {"i_string_utf16BE_no_BOM.json", false},
    {"i_string_utf16LE_no_BOM.json", false},
    {"i_structure_500_nested_arrays.json", true},
    {"i_structure_UTF-8_BOM_empty_object.json", false},
};

static bool expected(const char *name) {
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(verdicts[i].name, name) == 0) return verdicts[i].accepted;
    CHECK(name[0] == 'y' || name[0] == 'n');
    return name[0] == 'y';
}

/* The file in a heap block of exactly its size. */
static struct slice read_file(const char *folder, const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", folder, name);
    buf_addc(&path, '\0');
    FILE *f = fopen(path.p, "rb");
    buf_free(&path);
    if (!f) abort();
    static char text[1 << 20];
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    char *p = mem_alloc(n);
    memcpy(p, text, n);
    return (struct slice){p, n};
}

static void run_folder(const char *folder, const char *engine) {
    setenv("EV_CPU", engine, 1);
    struct json_scanner *s = json_scanner_new(1024);
    DIR *d = opendir(folder);
    struct dirent *entry;
    int files = 0;
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.') continue;
        struct slice text = read_file(folder, entry->d_name);
        struct err e = {0};
        bool accepted = json_scan(s, text, text.p + text.n, NULL, &e);
        if (accepted != expected(entry->d_name)) {
            CHECK(!"as expected");
            fprintf(stderr, "%s: %s\n", entry->d_name, accepted ? "accepted" : e.text);
        }
        CHECK(accepted || (e.code == EXIT_BAD_DATA && e.text[0]));
        free((char *)text.p);
        files++;
    }
    CHECK(files > 300);
    closedir(d);
    json_scanner_free(s);
}

static char folder[4096];

static void test_suite_portable(void) { run_folder(folder, "portable"); }
static void test_suite_default(void) { run_folder(folder, "avx2"); }

int main(void) {
    const char *data = getenv("EV_DATA");
    snprintf(folder, sizeof folder, "%s/json-suite/test_parsing", data ? data : "../shared/data");
    DIR *d = opendir(folder);
    if (!d) {
        fprintf(stderr, "skipped: json-suite is not at %s\n", folder);
        return check_done();
    }
    closedir(d);
    RUN(test_suite_portable);
    RUN(test_suite_default);
    return check_done();
}
