#include "cli/version.h"

#include <csv.h>
#include <zlib.h>

#include "json/scan.h"

void version_print(const struct tool *t, FILE *to) {
    fprintf(to, "%s %s\n", t->name, EV_VERSION);
    fprintf(to, "features: ndjson csv tsv json gzip; files, globs, folders; scanner %s\n",
        json_scan_engine());
    fprintf(to, "libraries: zlib %s, libcsv %d.%d\n", zlibVersion(), CSV_MAJOR, CSV_MINOR);
}
