// What every implementation of Files must do with chains: a suite beside that of files_contract.h.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/io/files_contract_fixture.h"

namespace tandem {

template <typename Backend>
class ChainContract : public FilesContract<Backend> {
 protected:
  // What the engine makes of the chain by itself, without Files::Chain going on with it.
  std::vector<int64_t> Submit(std::vector<IoRequest> requests) {
    std::optional<std::vector<int64_t>> values;
    this->files().SubmitChain(std::move(requests), [&](std::vector<IoResult> results) {
      values.emplace();
      for (const IoResult& result : results) values->push_back(result.value);
    });
    EXPECT_FALSE(values.has_value()) << "completed inside the submission";
    EXPECT_TRUE(this->backend_.RunUntil([&] { return values.has_value(); }));
    return values.value_or(std::vector<int64_t>{});
  }
  ChainResult Chain(std::vector<IoRequest> requests) {
    return this->Await(this->files().Chain(std::move(requests)));
  }
};

TYPED_TEST_SUITE_P(ChainContract);

TYPED_TEST_P(ChainContract, StepsAreDoneInTheirOrder) {
  const FileHandle file = this->Open("temp", O_RDWR | O_CREAT);
  const std::string one = "one,";
  const std::string two = "two";
  const std::vector<int64_t> results =
      this->Submit({ToWrite(file, one, 0), ToWrite(file, two, 4), ToSync(file), ToClose(file),
                    ToRename(this->root_, "temp", this->root_, "name")});
  EXPECT_THAT(results, testing::ElementsAre(4, 3, 0, 0, 0));
  EXPECT_EQ(this->ReadFile("name"), "one,two");
  EXPECT_EQ(this->OpenErrno("temp", O_RDONLY), ENOENT);
}

TYPED_TEST_P(ChainContract, NothingIsDoneAfterAStepThatFailed) {
  this->MakeFile("temp", "new");
  const FileHandle file = this->Open("temp", O_RDONLY);
  const std::string data = "more";
  const std::vector<int64_t> results = this->Submit(
      {ToWrite(file, data, 0), ToSync(file), ToRename(this->root_, "temp", this->root_, "name")});
  EXPECT_THAT(results, testing::ElementsAre(-EBADF, -ECANCELED, -ECANCELED));
  EXPECT_EQ(this->ReadFile("temp"), "new");
  EXPECT_EQ(this->OpenErrno("name", O_RDONLY), ENOENT);
  const ChainResult chain =
      this->Chain({ToSync(this->root_), ToWrite(file, data, 0), ToSync(file)});
  EXPECT_EQ(ErrnoOf(chain.status), EBADF);
  EXPECT_EQ(chain.done, 1u);
  this->Close(file);
}

TYPED_TEST_P(ChainContract, AStepThatMayFailDoesNotEndTheChain) {
  std::vector<IoRequest> steps = {ToStat(this->root_, "name"),
                                  ToOpen(this->root_, "name", O_RDWR | O_CREAT, 0600)};
  steps.front().may_fail = true;
  const ChainResult made = this->Chain(steps);
  ASSERT_TRUE(made.status.ok()) << made.status;
  ASSERT_EQ(made.steps.size(), 2u);
  EXPECT_EQ(made.steps[0].value, -ENOENT);
  this->Close(static_cast<FileHandle>(made.steps[1].value));
  const ChainResult again = this->Chain(steps);
  EXPECT_EQ(again.steps[0].value, 0);
  EXPECT_EQ(again.steps[0].stat.mode, 0600u);
  this->Close(static_cast<FileHandle>(again.steps[1].value));
}

// A worker that took the steps of one chain for operations of their own would show here.
TYPED_TEST_P(ChainContract, ManyChainsAtOnceKeepTheirOrderEach) {
  constexpr int kChains = 400;
  std::vector<std::string> names;
  std::vector<std::string> contents;
  for (int i = 0; i < kChains; ++i) {
    names.push_back("f" + std::to_string(i));
    contents.push_back("content of " + names.back());
  }
  std::vector<FileHandle> open;
  for (const std::string& name : names) open.push_back(this->Open("." + name, O_RDWR | O_CREAT));
  int done = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    this->files().SubmitChain({ToWrite(open[i], contents[i], 0), ToSync(open[i]), ToClose(open[i]),
                               ToRename(this->root_, "." + names[i], this->root_, names[i])},
                              [&done](const std::vector<IoResult>& results) {
                                EXPECT_THAT(results.back().value, 0);
                                ++done;
                              });
  }
  EXPECT_TRUE(this->backend_.RunUntil([&] { return done == kChains; }));
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(this->ReadFile(names[i]), contents[i]);
  EXPECT_EQ(this->files().in_flight(), 0u);
}

TYPED_TEST_P(ChainContract, AChainLongerThanTheRingIsDone) {
  const FileHandle file = this->Open("f", O_RDWR | O_CREAT);
  std::string expected;
  for (int i = 0; i < 3'000; ++i) expected += static_cast<char>('a' + i % 26);
  std::vector<IoRequest> steps;
  for (size_t i = 0; i < expected.size(); ++i) {
    steps.push_back(ToWrite(file, absl::string_view(expected).substr(i, 1), i));
  }
  const ChainResult chain = this->Chain(std::move(steps));
  EXPECT_TRUE(chain.status.ok()) << chain.status;
  EXPECT_EQ(chain.done, expected.size());
  EXPECT_EQ(this->ReadAll(file), expected);
  this->Close(file);
}

REGISTER_TYPED_TEST_SUITE_P(ChainContract, StepsAreDoneInTheirOrder,
                            NothingIsDoneAfterAStepThatFailed, AStepThatMayFailDoesNotEndTheChain,
                            ManyChainsAtOnceKeepTheirOrderEach, AChainLongerThanTheRingIsDone);

}  // namespace tandem
