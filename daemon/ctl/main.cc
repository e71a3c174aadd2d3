// tandemctl: Tandem's command line.
#include <CLI/CLI.hpp>
#include <iostream>

#include "daemon/ctl/command.h"

namespace tandem::ctl {
namespace {

constexpr char kExamples[] = R"(
Examples:
  echo "2024-05-01,17,EUR,120.50" | tandemctl append ledger/2024-05-01.csv
  tandemctl put receipts/17.json receipt.json --level ALL
  tandemctl upload statements/may.pdf may.pdf
  tandemctl get 41                       how far did write 41 get?
  tandemctl wait 41 --level ALL --timeout 30s
  tandemctl status -o json
  tandemctl pending                      what do targets lack, and why?
  tandemctl retry corebank --path receipts/17.json
  tandemctl skip corebank --sequence 41 --reason "superseded by hand, ticket 4711"
  tandemctl target init /mnt/corebank --name corebank
  tandemctl watermark /mnt/corebank      how far is it? No daemon needed

Levels: JOURNALED < LOCAL < ALL. JOURNALED lives and dies with the journal's volume.

Exit codes: 0 done, 1 error, 2 wrong usage, 5 may succeed when repeated (with the --request-id
shown, it is never applied twice), 10 a target refuses writes or lacks some, 69 the daemon cannot
be reached. JSON: a key is always there, and null where there is nothing to say.
)";

void AddGlobals(CLI::App* app, Globals* globals) {
  app->add_option("--address", globals->address,
                  "unix:<path> or <host>:<port> (needs the TLS files)")
      ->envname("TANDEM_ADDRESS")
      ->default_val("unix:/run/tandem/tandem.sock");
  app->add_option_function<std::string>(
      "--socket", [globals](const std::string& path) { globals->address = "unix:" + path; },
      "short for --address unix:<path>");
  app->add_option_function<std::string>(
         "-o,--output", [globals](const std::string& form) { globals->json = form == "json"; },
         "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  app->add_option("--level", globals->level,
                  "what to wait for: JOURNALED, LOCAL or ALL; else the daemon's default_level");
  app->add_option("--timeout", globals->timeout,
                  "how long at most, like 500ms, 10s, 2m; else the daemon's dual_write_timeout for "
                  "writes and wait, 1h for upload, 30s for retry and skip, 5s for the rest");
  app->add_option("--request-id", globals->request_id, "a UUID: repeat a write under its id");
  app->add_flag("-q,--quiet", globals->quiet, "print errors only");
  app->add_option("--tls-ca", globals->tls.ca_file, "PEM file")->envname("TANDEM_TLS_CA");
  app->add_option("--tls-cert", globals->tls.certificate_file, "PEM file")
      ->envname("TANDEM_TLS_CERT");
  app->add_option("--tls-key", globals->tls.key_file, "PEM file")->envname("TANDEM_TLS_KEY");
  app->add_option("--tls-server-name", globals->tls.server_name,
                  "the name in the daemon's certificate");
}

int Main(int argc, char** argv) {
  CLI::App app("Writes files to every target through tandemd, and shows where they are.",
               "tandemctl");
  app.set_version_flag("--version", TANDEM_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // global options may follow the command; inherited by what is added below
  Globals globals;
  Run run;
  AddGlobals(&app, &globals);
  AddWriteCommands(&app, globals, &run);
  AddUploadCommand(&app, globals, &run);
  AddQueryCommands(&app, globals, &run);
  AddStatusCommand(&app, globals, &run);
  AddPendingCommands(&app, globals, &run);
  AddTargetCommands(&app, globals, &run);
  AddWatermarkCommand(&app, globals, &run);
  app.footer(kExamples);  // commands added after it would repeat it
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with code 0.
    return app.exit(error, std::cout, std::cerr) == 0 ? kOk : kUsage;
  }
  const ExitCode code = run();
  std::cout.flush();
  return std::cout.good() || code != kOk ? code : kError;
}

}  // namespace
}  // namespace tandem::ctl

int main(int argc, char** argv) { return tandem::ctl::Main(argc, argv); }
