// What a wrong configuration gets: the place, what is wrong, what was meant.
#include "daemon/config/keys.h"
#include "tests/unit/config/load.h"

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST_F(ConfigTest, AnUnknownKeyIsRefusedWithItsPlaceAndASuggestion) {
  EXPECT_THAT(ErrorsOf(std::string(kTwo) + "\n  # comment\nbatchsize: 1MiB\n"),
              ElementsAre("F:5:1: unknown key 'batchsize'; did you mean 'batch_size'?"));
  EXPECT_THAT(ErrorsOf(std::string(kTwo) + "zzzzzz: 1\n"),
              ElementsAre("F:3:1: unknown key 'zzzzzz'"));
}

TEST_F(ConfigTest, AKeyThatTandemDoesNotNeedSaysWhatDoesItsWork) {
  EXPECT_THAT(ErrorsOf(std::string(kTwo) + "metrics_interval: 10s\n"),
              ElementsAre(HasSubstr("set the scraper's interval")));
}

TEST_F(ConfigTest, AKeyGivenTwiceIsRefused) {
  EXPECT_THAT(ErrorsOf(std::string(kTwo) + "max_retries: 1\nmax_retries: 2\n"),
              ElementsAre("F:4:1: 'max_retries' is given twice"));
}

TEST_F(ConfigTest, WrongValuesNameTheirPlaceAndWhatIsWanted) {
  const struct {
    const char* line;
    const char* error;
  } cases[] = {
      {"max_retries: many", "F:3:14: max_retries: 'many' is not a whole number"},
      {"max_retries: -1", "F:3:14: max_retries: '-1' is not a whole number"},
      {"max_retries: 1001", "F:3:14: max_retries: 1001 is out of bounds: 0 to 1000"},
      {"max_retries: ''", "F:3:14: max_retries: '' is not a whole number"},
      {"max_retries:", "F:3:1: max_retries: needs a single value"},
      {"max_retries: [1]", "F:3:14: max_retries: needs a single value"},
      {"max_retries: {a: 1}", "F:3:14: max_retries: needs a single value"},
      {"dual_write_timeout: 60", "F:3:21: dual_write_timeout: '60' is not a duration such as"},
      {"dual_write_timeout: 1d", "F:3:21: dual_write_timeout: '1d' is not a duration such as"},
      {"dual_write_timeout: 2h", "F:3:21: dual_write_timeout: 2h is out of bounds: 1ms to 1h"},
      {"batch_size: 1MB", "F:3:13: batch_size: '1MB' is not a size such as"},
      {"batch_size: 1KiB", "F:3:13: batch_size: 1KiB is out of bounds: 4KiB to 1GiB"},
      {"batch_size: 99999999999TiB", "F:3:13: batch_size: '99999999999TiB' is not a size"},
      {"log_level: loud", "F:3:12: log_level: 'loud' is not one of debug, info, warning, error"},
      {"default_level: local", "F:3:16: default_level: 'local' is not one of JOURNALED, LOCAL"},
      {"require_mount: yes", "F:3:16: require_mount: 'yes' is not true or false"},
      {"socket_mode: 0999", "F:3:14: socket_mode: '0999' is not a mode in octal"},
      {"socket_mode: 01777", "F:3:14: socket_mode: 1777 is out of bounds: 0000 to 0777"},
      {"http_address: 9464", "F:3:15: http_address: '9464' is not an address such as"},
      {"http_address: a:b", "F:3:15: http_address: 'a:b' is not an address such as"},
      {"http_address: h:65536", "F:3:15: http_address: 'h:65536' is not an address such as"},
      {"http_address: ::1:80", "F:3:15: http_address: '::1:80' is not an address: an IPv6"},
      {"http_address: ''", "F:3:15: http_address: '' must have a numeric host"},
      {"http_address: 'localhost:80'", "F:3:15: http_address: 'localhost:80' must have a numeric"},
      {"http_address: '[zz]:80'", "F:3:15: http_address: '[zz]:80' must have a numeric host"},
      {"writer_name: a/b", "F:3:14: writer_name: 'a/b' is not a name"},
      {"writer_name: ..", "F:3:14: writer_name: '..': path has a component"},
      {"writer_name: .tandem", "F:3:14: writer_name: '.tandem': path has a component that is"},
      {"writer_root: /abs", "F:3:14: writer_root: '/abs': path is absolute"},
      {"writer_root: a/../b", "F:3:14: writer_root: 'a/../b': path has a component"},
      {"socket_group: \"a\\nb\"", "F:3:15: socket_group: the value has a control character"},
  };
  for (const auto& [line, error] : cases) {
    EXPECT_THAT(ErrorsOf(absl::StrCat(kTwo, line, "\n")), ElementsAre(StartsWith(error))) << line;
  }
}

TEST_F(ConfigTest, FilesThatAreNoMapOfKeysAreRefused) {
  EXPECT_THAT(ErrorsOf("- a\n- b\n"), ElementsAre(StartsWith("F:1:1: the file must be a map")));
  EXPECT_THAT(ErrorsOf("a: b: c\n"), ElementsAre(StartsWith("F:1:5: ")));
  EXPECT_THAT(ErrorsOf("max_retries: 1\n---\nmax_retries: 2\n"),
              ElementsAre(HasSubstr("a second document")));
  EXPECT_THAT(ErrorsOf("[1]: x\n"), ElementsAre("F:1:1: a key must be a plain word"));
  EXPECT_THAT(ErrorsOf(""), ElementsAre(HasSubstr("no target is configured")));
  EXPECT_THAT(ErrorsOf(std::string(2 << 20, '#')), ElementsAre("F: cannot be read"));
}

TEST_F(ConfigTest, AFileThatIsNotThereIsAnError) {
  EXPECT_THAT(Load({"--config", "/nowhere/tandem.yaml"}).errors,
              testing::Contains("/nowhere/tandem.yaml: cannot be read"));
}

TEST_F(ConfigTest, WrongTargetsNameTheirPlace) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"targets: []\n", "F:1:10: targets: no target is given"},
      {"targets: {name: a}\n", "F:1:10: targets: needs a single value"},
      {"targets: [x]\n", "F:1:11: targets: each must be a map"},
      {"targets:\n - {path: /a}\n", "F:2:4: targets: each needs a name and a path"},
      {"targets:\n - {name: local}\n", "F:2:4: targets: each needs a name and a path"},
      {"targets:\n - {name: Local, path: /a}\n", "F:2:11: targets: 'Local' is not a target's"},
      {"targets:\n - {name: local, pth: /a, path: /b}\n",
       "F:2:18: unknown key 'pth'; did you mean 'path'?"},
      {"targets:\n - {name: local, path: [/a]}\n", "F:2:18: targets: path needs a single value"},
      {"targets:\n - {name: local, name: local, path: /a}\n", "F:2:18: 'name' is given twice"},
      {"targets: local\n", "F:1:10: targets: 'local' is not a target: name=path"},
      {"targets: local=/a=b=c\n", "F:1:10: targets: 'local=/a=b=c' is not a target"},
      {"targets:\n - {name: local, path: /a}\n - {name: local, path: /b}\n",
       "F:1:1: targets: two targets are named 'local'"},
      {"targets:\n - {name: local, path: /a}\nlocal_efs_path: /b\n",
       "F:3:17: local_efs_path: targets is given too"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_THAT(ErrorsOf(text), testing::Contains(StartsWith(error))) << text;
  }
}

TEST_F(ConfigTest, LevelLocalNeedsATargetNamedLocal) {
  EXPECT_THAT(ErrorsOf("targets: near=/a,far=/b\n"),
              ElementsAre("default: default_level: LOCAL needs a target named 'local'"));
  EXPECT_THAT(ErrorsOf("targets: near=/a,far=/b\ndefault_level: ALL\n"), IsEmpty());
}

TEST_F(ConfigTest, LimitsThatContradictEachOtherAreRefusedWhereTheUserWroteOne) {
  const struct {
    const char* line;
    const char* error;
  } cases[] = {
      {"batch_size: 32MiB", "F:3:13: batch_size: batch_size (32MiB) must be at most 1/4 of"},
      {"journal_segment_bytes: 2MiB", "F:3:24: journal_segment_bytes: batch_size (1MiB) must"},
      {"journal_segment_bytes: 8000000",
       "F:3:24: journal_segment_bytes: 8000000 must be a multiple of 4KiB"},
      {"journal_segment_bytes: 4GiB\njournal_max_bytes: 64GiB",
       "F:3:24: journal_segment_bytes: 4GiB must"},
      {"max_window_writes: 6000", "F:3:20: max_window_writes"},
      {"journal_max_bytes: 128MiB", "F:3:20: journal_max_bytes: journal_segment_bytes (64MiB)"},
      {"max_upload_bytes: 4GiB", "F:3:19: max_upload_bytes: max_upload_bytes (4GiB) must be at"},
      {"max_window_bytes: 1MiB\nmax_write_bytes: 2MiB", "F:4:18: max_write_bytes: max_write_byt"},
      {"journal_retention: 1h", "F:3:20: journal_retention: journal_retention (1h) must be at"},
      {"journal_retention: 901s", "F:3:20: journal_retention: journal_retention (901s) must be"},
      {"request_id_window: 14m", "F:3:20: request_id_window: journal_retention (15m) must be at"},
      {"max_upload_bytes: 2147483649", "F:3:19: max_upload_bytes: max_upload_bytes (2147483649) "},
      {"retry_max: 10ms", "F:3:12: retry_max: retry_initial (50ms) must be at most retry_max"},
      {"efs_sync_timeout: 500ms", "F:3:19: efs_sync_timeout: slow_limit (1s) must be at most"},
  };
  for (const auto& [line, error] : cases) {
    EXPECT_THAT(ErrorsOf(absl::StrCat(kTwo, line, "\n")), testing::Contains(StartsWith(error)))
        << line;
  }
}

TEST_F(ConfigTest, LimitsMayBeAsLargeAsTheTableSays) {
  EXPECT_THAT(ErrorsOf(absl::StrCat(kTwo,
                                    "max_upload_bytes: 2GiB\njournal_retention: 15m\n"
                                    "batch_size: 16MiB\nretry_max: 50ms\n")),
              IsEmpty());
}

TEST_F(ConfigTest, TcpIsRefusedWithoutMutualTls) {
  EXPECT_THAT(ErrorsOf(std::string(kTwo) + "tcp_address: 0.0.0.0:7070\ntls_key_file: /k\n"),
              ElementsAre(HasSubstr("tls_certificate_file: must be set"),
                          HasSubstr("tls_client_ca_file: must be set")));
}

TEST_F(ConfigTest, ASocketNameThatTheKernelCannotHoldIsRefused) {
  EXPECT_THAT(ErrorsOf(absl::StrCat(kTwo, "socket_path: /", std::string(103, 's'), "\n")),
              ElementsAre(HasSubstr("longer than a socket's name can be (103 bytes)")));
  EXPECT_THAT(ErrorsOf(absl::StrCat(kTwo, "socket_path: /", std::string(102, 's'), "\n")),
              IsEmpty());
}

TEST_F(ConfigTest, UnknownFlagsAndArgumentsAreRefused) {
  EXPECT_THAT(Load({"--batch-sise", "1MiB", "--wat=1", "stray"}).errors,
              ElementsAre("unknown flag --batch-sise; did you mean --batch-size?",
                          StartsWith("unknown flag --wat"), "unexpected argument 'stray'"));
  EXPECT_THAT(Load({"--max-retries"}).errors, ElementsAre(HasSubstr("--max-retries")));
  EXPECT_THAT(Load({"--max-retries", "1", "--max-retries", "2"}).errors,
              ElementsAre(HasSubstr("--max-retries")));
}

TEST_F(ConfigTest, AMisspelledVariableIsRefusedButKubernetesServiceLinksAreNot) {
  EXPECT_THAT(Load({}, {{"TANDEM_BATCHSIZE", "1MiB"}}).errors,
              ElementsAre("TANDEM_BATCHSIZE: unknown variable; did you mean TANDEM_BATCH_SIZE?"));
  EXPECT_THAT(Load({}, {{"TANDEM_SERVICE_HOST", "10.0.0.1"},
                        {"TANDEM_PORT", "tcp://10.0.0.1:9464"},
                        {"TANDEM_PORT_9464_TCP_ADDR", "10.0.0.1"},
                        {"TANDEM_SERVICE_PORT_HTTP", "9464"}})
                  .errors,
              IsEmpty());
}

TEST_F(ConfigTest, WrongVariablesAndFlagsAreNamed) {
  EXPECT_THAT(Load({"--log-level", "loud"}, {{"TANDEM_MAX_RETRIES", "x"}}).errors,
              ElementsAre(StartsWith("TANDEM_MAX_RETRIES: max_retries: 'x'"),
                          StartsWith("--log-level: log_level: 'loud'")));
}

TEST_F(ConfigTest, WhatBelongsTogetherIsCheckedBesideWrongValuesAndUnknownKeys) {
  EXPECT_THAT(ErrorsOf("local_efs_path: /mnt/a\ncorebank_efs_path: /mnt/a/b\nmax_retries: x\n"
                       "zzzzzz: 1\nretry_max: 10ms\n"),
              testing::UnorderedElementsAre(
                  StartsWith("F:3:14: max_retries: 'x'"), StartsWith("F:4:1: unknown key 'zzzzzz'"),
                  HasSubstr("lie one inside the other"), StartsWith("F:5:12: retry_max: ")));
  EXPECT_THAT(ErrorsOf("local_efs_path: /mnt/a\ncorebank_efs_path: /mnt/b\nlog_level: loud\n"
                       "journal_directory: /mnt/a/journal\ntcp_address: 0.0.0.0:7070\n"),
              testing::UnorderedElementsAre(
                  StartsWith("F:3:12: log_level"), HasSubstr("is inside target 'local'"),
                  HasSubstr("tls_certificate_file: must"), HasSubstr("tls_key_file: must"),
                  HasSubstr("tls_client_ca_file: must")));
}

// A value that is not known must not make another one look wrong.
TEST_F(ConfigTest, WhatIsRightIsNotBlamedForWhatIsWrong) {
  for (const std::string line :
       {"journal_segment_byte: 256MiB\nbatch_size: 32MiB", "journal_segment_bytes: 256MB",
        "journal_max_bytes: 1MiB", "retry_max: 1", "slow_limit: 5", "max_write_bytes: x",
        "journal_directory: [a]", "socket_path: {}", "http_address: x", "writer_name: a/b",
        "request_id_window: 10m\nrequest_id_window: 20m"}) {
    EXPECT_THAT(ErrorsOf(absl::StrCat(kTwo, line, "\n")), testing::SizeIs(1)) << line;
  }
  EXPECT_THAT(ErrorsOf("local_efs_pth: /mnt/a\ncorebank_efs_path: /mnt/b\n"),
              ElementsAre("F:1:1: unknown key 'local_efs_pth'; did you mean 'local_efs_path'?"));
  EXPECT_THAT(Load({"--journal-segment-byte=256MiB", "--batch-size=32MiB"}).errors,
              ElementsAre(StartsWith("unknown flag --journal-segment-byte")));
  EXPECT_THAT(Load({"--batch-size=32MiB"}, {{"TANDEM_JOURNAL_SEGMENT_BYTE", "256MiB"}}).errors,
              ElementsAre(StartsWith("TANDEM_JOURNAL_SEGMENT_BYTE: unknown variable")));
}

TEST_F(ConfigTest, AHostNameThatIsNoPathComponentCannotNameTheWriter) {
  sources_.host_name = "a/b";
  EXPECT_THAT(ErrorsOf(kTwo), ElementsAre(HasSubstr("the host name cannot be used: 'a/b'")));
  sources_.host_name = "";
  EXPECT_THAT(ErrorsOf(kTwo), ElementsAre(HasSubstr("the host name cannot be used: ''")));
}

}  // namespace
}  // namespace tandem
