// Loads a configuration from texts, on a machine that the test describes.
#pragma once

#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tandem {

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    sources_.working_directory = "/work";
    sources_.host_name = "pod-0";
    sources_.places.mountinfo = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
    sources_.places.read_link = [this](const std::string& path) -> std::optional<std::string> {
      looked_at_.push_back(path);
      const auto link = links_.find(path);
      return link == links_.end() ? std::nullopt : std::optional(link->second);
    };
  }

  // The name of a file with this text; it stands in the errors.
  std::string File(const std::string& text) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string file = absl::StrCat(testing::TempDir(), "/", test->test_suite_name(), ".",
                                    test->name(), ".", ++files_, ".yaml");
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  LoadedConfig Load(std::vector<std::string> arguments = {},
                    std::map<std::string, std::string> environment = {}) {
    sources_.arguments = std::move(arguments);
    sources_.environment = std::move(environment);
    return LoadConfig(sources_);
  }

  LoadedConfig LoadText(const std::string& text) {
    file_ = File(text);
    return Load({"--config", file_});
  }

  // The errors of a file with two good targets and `text`, the file's name cut to "F".
  std::vector<std::string> ErrorsOf(const std::string& text) {
    std::vector<std::string> errors = LoadText(text).errors;
    for (std::string& error : errors) {
      if (error.rfind(file_, 0) == 0) error = "F" + error.substr(file_.size());
    }
    return errors;
  }

  static constexpr const char* kTwo = "local_efs_path: /mnt/a\ncorebank_efs_path: /mnt/b\n";

  ConfigSources sources_;
  std::map<std::string, std::string> links_;
  std::vector<std::string> looked_at_;  // paths whose symbolic link was read
  std::string file_;
  int files_ = 0;
};

}  // namespace tandem
