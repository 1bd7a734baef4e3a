/** How the server is, all on one view: health, what needs its operator, engines, disk, owners. */

import { html } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { t } from "../../texts/server.js";
import { Attention } from "./attention.js";
import { Disk } from "./disk.js";
import { Engines } from "./engines.js";
import { Health } from "./health.js";
import { KEYS_AND_OWNERS, OwnersSection } from "./owners.js";
import { Section, View } from "./view.js";

const ASKED = {
  health: "health",
  ready: "ready",
  webhooks: "admin/webhooks",
  held: "admin/held-jobs",
  doubts: "admin/doubts",
  engines: "admin/engines",
  retention: "admin/retention",
  ...KEYS_AND_OWNERS,
};

export function Overview() {
  const figures = useFigures(ASKED);
  const { told } = figures;
  return html`<${View} figures=${figures} names=${Object.keys(ASKED)}>
    <${Health} figures=${figures} />
    <${Section} title=${t("attention")} figures=${figures} names=${["held", "doubts"]}>
      <${Attention} held=${told.held} doubts=${told.doubts} again=${figures.again} />
    <//>
    <${Section} title=${t("engines")} figures=${figures} names=${["engines"]}>
      <${Engines} engines=${told.engines?.data} />
    <//>
    <${OwnersSection} figures=${figures} isBrief />
    <${Section} title=${t("disk")} figures=${figures} names=${["retention"]}>
      <${Disk} retention=${told.retention} />
    <//>
  <//>`;
}
