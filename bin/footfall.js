#!/usr/bin/env node
/** The `footfall` command. */
import '../dist/collector/cli.js';
