// What the server tells of jobs, for the checker of types alone: docs/api.md and docs/admin.md say more.

export type State =
  | "queued"
  | "ready"
  | "submitting"
  | "running"
  | "saving"
  | "succeeded"
  | "failed"
  | "cancelled";

export type Role = "first" | "last" | `mask${number}`;

export interface Size {
  width: number;
  height: number;
}

export interface Failure {
  code: string;
  message: string;
  param?: string | null;
}

export interface Stall {
  code: string;
  message: string;
  since_ms: number;
}

export interface Measured extends Size {
  duration_s: number;
  frame_rate: number;
  size_bytes: number;
  has_audio: boolean;
}

/** `GET /v1/jobs`, and events. */
export interface Job {
  id: string;
  model: string;
  engine: string;
  made_by: string;
  /** The pieces of the prompt that had no effect, as far as the engine knows. */
  unheard: string[];
  state: State;
  prompt: string;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  /** 0 to 1 */
  progress: number;
  duration_s: number;
  seed: number | null;
  size: Size | null;
  wants_cancel: boolean;
  error: Failure | null;
  waiting: Stall | null;
  queue_position: number | null;
  expected_end_ms: number | null;
  video: (Measured & { until_ms: number | null; is_removed: boolean }) | null;
  /** the pieces of the prompt that had no effect */
  unheard: string[];
}

export interface GivenPicture {
  role: Role;
  param: string;
  url?: string;
  sha256?: string;
}

/** A part of the first frame that is to move; a mask is one of the request's. */
export interface MarkedRegion {
  kind: string;
  boxes?: [number, number, number, number][];
  mask?: Role | null;
}

/** What was asked for; what is as it usually is may be absent. */
export interface Request {
  /** the model's own id */
  model: string;
  prompt: string;
  first_frame: GivenPicture;
  last_frame?: GivenPicture | null;
  duration_s: number;
  frame_rate: number;
  seed: number;
  size?: Size | null;
  tier?: string;
  negative_prompt?: string;
  watermark?: boolean;
  generate_audio?: boolean | null;
  options?: Record<string, string | number | boolean>;
  regions?: MarkedRegion[];
  masks?: GivenPicture[];
}

export interface Move {
  state: State;
  at_ms: number;
}

export interface Money {
  basis: "price" | "cost" | "free";
  currency: string;
  reserved: string;
  price: string | null;
}

export interface Usage {
  duration_s: number;
  video_count: number;
  tier_height: number;
}

/** `GET /v1/jobs/{job_id}`. */
export interface Details extends Job {
  dialect: string;
  request_id: string;
  request: Request;
  moves: Move[];
  attempt: number;
  usage: Usage | null;
  money: Money | null;
  link: string | null;
  link_until_ms: number | null;
  pictures: Role[];
  delivery: { state: string; tries: number } | null;
}

/** A call that may have cost. */
export interface Attempt {
  n: number;
  engine: string;
  upstream_model: string;
  intent_ms: number;
  outcome?: string;
  ticket?: string | null;
  code?: string;
  message?: string;
}

/** `GET /admin/jobs/{job_id}`. */
export interface AdminTold {
  id: string;
  owner: string;
  key_id: string;
  model: string;
  engine: string;
  state: State;
  progress: number;
  is_held: boolean;
  is_deleted: boolean;
  wants_cancel: boolean;
  request: Request;
  attempt: number;
  deaths: number;
  deadline_ms: number;
  ticket: string | null;
  upstream_model: string | null;
  upstream_usage: Record<string, number>;
  money: (Money & { cost: string }) | null;
  failure: Failure | null;
  stall: Stall | null;
  queue_position: number | null;
  attempts: Attempt[];
  resolution: { charged: boolean; attempt: number; at_ms: number } | null;
  continues: string | null;
  continued_by: string | null;
  delivery: {
    receiver: string;
    type: string;
    state: string;
    tries: number;
    last_error: string | null;
  } | null;
  moves?: Move[];
}

/** `GET /admin/doubts`: a call that may have been billed. */
export interface Doubtful {
  id: string;
  engine: string;
  message: string;
  ticket: string | null;
}
