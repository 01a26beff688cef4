// How long a test may take before it counts as hanging. Generous: a busy machine must not make a good test red.
import { jest } from '@jest/globals';

jest.setTimeout(60_000);
