import { texts } from "./texts.js";

/** What to do about a failure; each of screens/job/advice.js is one of these. */
export const t = texts({
  en: {
    picture:
      "Give another picture, or the same one as a file: an address has to lead to the picture itself, and from a place that this server may ask.",
    field: "Change what the message names, and make it anew.",
    model: "Choose another model: this one is not offered here, or not to your key.",
    doubt:
      "The provider may have made and billed this video: its reply was lost. Retrying makes a new job, and perhaps a second bill. An operator can look into the provider's console, and say here what it was.",
    late: "No provider took or finished it in time. Try again, or with another model; an operator sees under Server what the engines wait for.",
    lost: "The provider has forgotten this job. Retry it as a new one.",
    engine: "The engine that had it is not set up any more. Retry it: another engine takes it.",
    provider:
      "The provider failed, not your request. Retry it; if that goes on, tell whoever runs this server.",
    result: "What the engine made was no proper video. Retry it; another seed or length may help.",
    content:
      "The provider's check of contents refused the prompt or the picture. Change what it may have meant.",
    stopped: "It was stopped at the provider. Retry it as a new job if you still want it.",
    own: "This is a fault of the server. Retry it once; if that fails too, give its operator the request's id.",
    setup:
      "The server is not set up for it. Its operator can mend that: the message names the setting.",
    room: "The server has no room for new videos. Delete some, or ask its operator.",
    money: "Your budget has no room for it. The message says when the next day or month begins.",
    storage: "You have stored what you may. Delete videos that you do not need.",
    busy: "The server has too much to do. Try again in a little while.",
    http: "The provider answered in a way that the server does not know. Its operator can look at the engine's address and account.",
    other: "This is the provider's own word. Change what it names, or retry it as a new job.",
  },
  zh: {
    picture: "请换一张图片，或直接上传文件：地址必须指向图片本身，并且此服务器允许访问。",
    field: "请修改消息中指出的内容，然后重新制作。",
    model: "请选择其他模型：此服务器不提供该模型，或您的密钥无权使用。",
    doubt:
      "服务商可能已经制作并计费：其回复丢失了。重试会产生新任务，可能再次计费。管理员可以查看服务商的控制台，并在此说明结果。",
    late: "没有服务商按时接受或完成。请重试，或换一个模型；管理员可在“服务器”页面查看引擎在等待什么。",
    lost: "服务商已丢失此任务。请作为新任务重试。",
    engine: "处理它的引擎已不再配置。请重试，由其他引擎处理。",
    provider: "是服务商出错，不是您的请求有误。请重试；若持续出错，请告知服务器管理员。",
    result: "引擎产生的不是有效的视频。请重试；换一个种子或时长可能有帮助。",
    content: "服务商的内容审核拒绝了提示词或图片。请修改可能涉及的内容。",
    stopped: "它在服务商处被停止。如仍需要，请作为新任务重试。",
    own: "这是服务器的故障。请重试一次；若仍失败，请把请求 ID 告诉管理员。",
    setup: "服务器尚未为此配置。管理员可以修复：消息中指出了相应设置。",
    room: "服务器没有空间存放新视频。请删除一些，或联系管理员。",
    money: "您的预算不足。消息中说明了下一天或下个月何时开始。",
    storage: "您的存储额度已用完。请删除不需要的视频。",
    busy: "服务器太忙。请稍后再试。",
    http: "服务商的回答无法识别。管理员可以检查引擎的地址和账户。",
    other: "这是服务商自己的说明。请按其修改，或作为新任务重试。",
  },
});
