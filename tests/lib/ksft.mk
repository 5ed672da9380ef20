# SPDX-License-Identifier: GPL-2.0
# The part of the kernel's tools/testing/selftests/lib.mk that we use, for when
# there is no kernel source around: same variables, same targets.
ifeq ($(origin OUTPUT),undefined)
OUTPUT := $(abspath $(CURDIR)/../build/tests)
endif

TEST_GEN_PROGS := $(addprefix $(OUTPUT)/,$(TEST_GEN_PROGS))
TEST_GEN_FILES := $(addprefix $(OUTPUT)/,$(TEST_GEN_FILES))

all: $(TEST_GEN_PROGS) $(TEST_GEN_FILES)

run_tests: all
	@OUTPUT="$(OUTPUT)" lib/run.sh $(TEST_GEN_PROGS) $(TEST_PROGS)

clean:
	rm -rf $(TEST_GEN_PROGS) $(TEST_GEN_FILES) $(EXTRA_CLEAN)

.PHONY: all run_tests clean
